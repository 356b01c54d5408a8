// TLS for the connections of one engine: the part of `NativeEngine` in src/native.ts that is about it.
#pragma once

#include <node_api.h>

#include "addon/host.h"

namespace skein {

void add_tls(napi_env env, napi_value surface, Host& host);

}  // namespace skein

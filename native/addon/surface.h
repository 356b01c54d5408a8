// The functions of one engine as JavaScript sees them: `NativeEngine` in src/native.ts.
#pragma once

#include <node_api.h>

#include "addon/host.h"

namespace skein {

napi_value make_surface(napi_env env, Host& host);

}  // namespace skein

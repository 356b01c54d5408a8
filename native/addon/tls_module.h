// TLS without an engine: what the addon exports as `tls`, `NativeTls` in src/native.ts.
#pragma once

#include <node_api.h>

namespace skein {

napi_value make_tls(napi_env env);

}  // namespace skein

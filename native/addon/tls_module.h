// TLS without an engine: what the addon exports as `tls`, `NativeTls` in src/native.ts.
#pragma once

#include <napi.h>

namespace skein {

Napi::Object make_tls(Napi::Env env);

}  // namespace skein

// The backends of this build; the first is the platform's best. Each says whether it works on this machine, or why not.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "backend/backend.h"

namespace skein {

struct BackendEntry {
  const char* name;
  int preference;  // the highest that works is the platform's default
  bool pollable;   // has a descriptor that another loop can watch
  // "" when it works here, else the reason.
  std::string (*probe)();
  std::unique_ptr<Backend> (*make)();
};

std::span<const BackendEntry> backends();
const BackendEntry* find_backend(std::string_view name);

}  // namespace skein

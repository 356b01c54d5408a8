// The addon's symbols come from the program that loaded it, which is not always called node.exe (Electron's is not):
// node.exe is linked for delayed loading, and when it is asked for this hook answers with the program itself.
// See "Understand the helper function" in the MSVC linker's reference; mingw-w64 has the same one.
#include <windows.h>

#include <delayimp.h>

#include <cstring>

namespace {

FARPROC WINAPI load_program(unsigned event, DelayLoadInfo* info) {
  const bool wanted = event == dliNotePreLoadLibrary && _stricmp(info->szDll, "node.exe") == 0;
  return wanted ? reinterpret_cast<FARPROC>(GetModuleHandleW(nullptr)) : nullptr;
}

}  // namespace

extern "C" {
decltype(__pfnDliNotifyHook2) __pfnDliNotifyHook2 = load_program;
}

#include <malloc.h>
#include <signal.h>
#include <unistd.h>

#include <clocale>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "client/cli/program.h"
#include "common/random/system_random.h"

namespace {

cairn::client::Interrupt interrupt;

void OnSignal(int) {
  // A second one ends the process at once.
  if (interrupt.raised()) _exit(cairn::client::kExitInterrupted);
  interrupt.Raise();
}

void CatchSignals() {
  struct sigaction action = {};
  action.sa_handler = OnSignal;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  // A closed pipe is an error of write(2), with a message.
  signal(SIGPIPE, SIG_IGN);
}

// Chunks come and go by the thousand. By its defaults the allocator gives each
// back to the system and takes it anew, page by page: a fifth of the CPU time
// of a restore. What is kept is bounded by what is in flight.
void KeepFreedMemory() {
  constexpr int kMiB = 1 << 20;
  mallopt(M_MMAP_THRESHOLD, 16 * kMiB);
  mallopt(M_TRIM_THRESHOLD, 64 * kMiB);
}

std::optional<std::string> GetVariable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  return value;
}

}  // namespace

int main(int argc, char** argv) {
  KeepFreedMemory();
  // File names are bytes, and what a tar says of them is UTF-8.
  std::setlocale(LC_CTYPE, "C.UTF-8");
  CatchSignals();
  const cairn::SystemClock clock;
  const cairn::client::Console console = {
      .out = &std::cout,
      .err = &std::cerr,
      .err_is_terminal = isatty(STDERR_FILENO) == 1,
      .stdin_fd = STDIN_FILENO,
      .stdout_fd = STDOUT_FILENO,
      .environment = GetVariable,
      .clock = &clock,
      .interrupt = &interrupt};
  auto random = cairn::NewSystemBitGen();
  const int exit_code = cairn::client::RunProgram(
      std::vector<std::string>(argv + 1, argv + argc), console, random);
  std::cout.flush();
  std::cerr.flush();
  // Without destructors: gRPC's threads are still there.
  _exit(exit_code);
}

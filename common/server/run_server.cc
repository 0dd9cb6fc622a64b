#include "common/server/run_server.h"

#include <grpc/grpc.h>
#include <signal.h>
#include <time.h>

#include <atomic>
#include <iostream>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/concurrency/thread_pool_executor.h"
#include "common/log/log.h"
#include "common/rpc/library_logs.h"
#include "common/server/cairn_server.h"
#include "common/server/fatal_exit.h"
#include "common/server/process_memory.h"
#include "common/status/status_macros.h"

namespace cairn {
namespace {

// How often a drain looks whether it has ended or a second signal has come.
constexpr absl::Duration kDrainStep = absl::Milliseconds(50);
// How long the end of a start may wait for the thread that guards it, by when
// the server serves already.
constexpr absl::Duration kStartStep = absl::Milliseconds(50);

// SIGTERM and SIGINT, taken by waiting for them instead of by a handler.
class StopSignals {
 public:
  // Before there are threads, which inherit that the signals are blocked.
  StopSignals() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGTERM);
    sigaddset(&signals_, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    // A peer that has gone is told by the error of the write.
    signal(SIGPIPE, SIG_IGN);
  }

  int Wait() const {
    int number = 0;
    while (sigwait(&signals_, &number) != 0) {
    }
    return number;
  }

  bool Pending() const {
    const timespec now = {0, 0};
    return sigtimedwait(&signals_, nullptr, &now) > 0;
  }

  // Waits at most `timeout` for a signal; 0: none came.
  int WaitFor(absl::Duration timeout) const {
    const timespec limit = absl::ToTimespec(timeout);
    const int number = sigtimedwait(&signals_, nullptr, &limit);
    return number > 0 ? number : 0;
  }

  // From now on a signal ends the process.
  void Unblock() const { pthread_sigmask(SIG_UNBLOCK, &signals_, nullptr); }

 private:
  sigset_t signals_;
};

// Until the server serves, a signal ends the process at once: a start may take
// long, when it recovers what a crash has left, and can be cut off anywhere
// like by that crash. The threads of the server inherit that signals are
// blocked, so one of its own waits for them.
class StartGuard {
 public:
  // `signals` outlives the guard.
  static absl::StatusOr<std::unique_ptr<StartGuard>> Begin(
      const StopSignals* signals) {
    ASSIGN_OR_RETURN(
        std::unique_ptr<ThreadPoolExecutor> thread,
        ThreadPoolExecutor::Create({.name = "start", .threads = 1}));
    std::unique_ptr<StartGuard> guard(new StartGuard(std::move(thread)));
    RETURN_IF_ERROR(guard->thread_->Schedule(
        [signals, target = guard.get()] { target->Watch(*signals); }));
    return guard;
  }
  ~StartGuard() { End(); }

  // From now on a signal is kept for who calls End.
  void Release() { released_ = true; }

  // Idempotent. The signal that came between Release and now; 0: none.
  int End() {
    Release();
    thread_->Shutdown();
    return kept_;
  }

 private:
  explicit StartGuard(std::unique_ptr<ThreadPoolExecutor> thread)
      : thread_(std::move(thread)) {}

  void Watch(const StopSignals& signals) {
    while (!released_) {
      const int number = signals.WaitFor(kStartStep);
      if (number == 0) continue;
      if (released_) {
        kept_ = number;
        return;
      }
      LOG(INFO) << "server was asked to stop while it started signal="
                << number;
      signals.Unblock();
      raise(number);
    }
  }

  std::atomic<bool> released_ = false;
  std::atomic<int> kept_ = 0;
  const std::unique_ptr<ThreadPoolExecutor> thread_;
};

absl::Status Validate(const ServerProgram& program) {
  absl::Status status = program.server->Validate();
  if (status.ok() && program.validate) status = program.validate();
  return status;
}

void DrainUntilIdle(const StopSignals& signals, const Clock& clock,
                    absl::Duration timeout, CairnServer& server) {
  const absl::Duration end = clock.Monotonic() + timeout;
  server.Drain();
  while (clock.Monotonic() < end && !server.AwaitIdle(kDrainStep)) {
    if (signals.Pending()) {
      LOG(WARNING) << "drain ends early: second signal";
      break;
    }
  }
}

}  // namespace

int RunServer(const ServerProgram& program, int argc, const char* const* argv) {
  const StopSignals signals;
  BoundProcessMemory();
  InitializeLog({.service = program.name});
  if (const OfflineCommand* const offline =
          FindOfflineCommand(program.commands, argc, argv)) {
    signals.Unblock();
    return RunOfflineCommand(
        *offline, *program.settings, program.validate,
        [&] { return program.server->Log(program.name); }, argc, argv);
  }
  program.settings->set_footer(
      DescribeOfflineCommands(program.commands, argc > 0 ? argv[0] : ""));
  const absl::StatusOr<ParsedCommand> command =
      program.settings->Parse(argc, argv, std::cout);
  if (command.ok() && *command == ParsedCommand::kExit) return 0;
  const absl::Status valid =
      command.ok() ? Validate(program) : command.status();
  if (!valid.ok()) {
    std::cerr << program.name << ": " << valid.message() << "\n";
    return kConfigExitCode;
  }
  if (program.settings->check_only()) return 0;

  InitializeLog(program.server->Log(program.name));
  InitializeLibraryLogs();
  // Never undone: when its last user goes, gRPC waits up to 10 s for a poller
  // of connections that a client has left open, which the end of the process
  // closes just as well.
  grpc_init();
  const SystemClock clock;
  FatalExit fatal;
  absl::StatusOr<std::unique_ptr<StartGuard>> guard =
      StartGuard::Begin(&signals);
  if (!guard.ok()) {
    LOG(ERROR) << "server did not start: " << guard.status().ToString();
    return 1;
  }
  absl::StatusOr<std::unique_ptr<CairnServer>> server = CairnServer::Start(
      program.name, *program.server, program.build(),
      {.clock = &clock, .fatal_errors = &fatal, .before_serving = [&guard] {
         (*guard)->Release();
       }});
  int number = (*guard)->End();
  if (!server.ok()) {
    LOG(ERROR) << "server did not start: " << server.status().ToString();
    return 1;
  }
  if (number == 0) number = signals.Wait();
  LOG(INFO) << "server was asked to stop signal=" << number;
  DrainUntilIdle(signals, clock, program.server->drain_timeout, **server);
  signals.Unblock();
  (*server)->Shutdown();
  return 0;
}

}  // namespace cairn

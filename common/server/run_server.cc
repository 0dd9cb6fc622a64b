#include "common/server/run_server.h"

#include <grpc/grpc.h>
#include <signal.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "common/concurrency/thread_pool_executor.h"
#include "common/log/log.h"
#include "common/rpc/library_logs.h"
#include "common/server/cairn_server.h"
#include "common/server/config_reload.h"
#include "common/server/fatal_exit.h"
#include "common/server/process_memory.h"
#include "common/server/service_notifier.h"
#include "common/status/status_macros.h"

namespace cairn {
namespace {

// How often a drain looks whether it has ended or a second signal has come.
constexpr absl::Duration kDrainStep = absl::Milliseconds(50);
// How long the end of a start may wait for the thread that guards it, by when
// the server serves already.
constexpr absl::Duration kStartStep = absl::Milliseconds(50);

// SIGTERM and SIGINT, which ask the process to stop, and SIGHUP, which asks it
// to read its settings again; taken by waiting for them instead of by a
// handler.
class Signals {
 public:
  // Before there are threads, which inherit that the signals are blocked.
  Signals() {
    sigemptyset(&stop_);
    sigaddset(&stop_, SIGTERM);
    sigaddset(&stop_, SIGINT);
    all_ = stop_;
    sigaddset(&all_, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &all_, nullptr);
    // A peer that has gone is told by the error of the write.
    signal(SIGPIPE, SIG_IGN);
  }

  // Waits at most `timeout` for any of them; 0: none came.
  int WaitFor(absl::Duration timeout) const { return Take(all_, timeout); }
  // The same for one that asks to stop.
  int WaitForStop(absl::Duration timeout) const { return Take(stop_, timeout); }

  // From now on a signal ends the process, but for a SIGHUP: the process ends
  // anyway.
  void EndOnStop() const {
    signal(SIGHUP, SIG_IGN);
    Unblock();
  }
  // From now on each of them ends the process.
  void Unblock() const { pthread_sigmask(SIG_UNBLOCK, &all_, nullptr); }

 private:
  static int Take(const sigset_t& signals, absl::Duration timeout) {
    const timespec limit =
        absl::ToTimespec(std::min(timeout, absl::Hours(24 * 365)));
    const int number = sigtimedwait(&signals, nullptr, &limit);
    return number > 0 ? number : 0;
  }

  sigset_t stop_;
  sigset_t all_;
};

// Until the server serves, a signal ends the process at once: a start may take
// long, when it recovers what a crash has left, and can be cut off anywhere
// like by that crash. The threads of the server inherit that signals are
// blocked, so one of its own waits for them.
class StartGuard {
 public:
  // `signals` outlives the guard.
  static absl::StatusOr<std::unique_ptr<StartGuard>> Begin(
      const Signals* signals) {
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

  void Watch(const Signals& signals) {
    while (!released_) {
      const int number = signals.WaitForStop(kStartStep);
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

// Until the process is asked to stop; the signal that did.
int Serve(const Signals& signals, ServiceNotifier& manager,
          ConfigReload& reload) {
  for (;;) {
    manager.Alive();
    const int number = signals.WaitFor(manager.sign_period());
    if (number == SIGHUP) {
      manager.Reloading();
      reload.Run();
      manager.Ready();
    } else if (number != 0) {
      return number;
    }
  }
}

// Whether a second signal has come within `timeout`: then nothing more is
// waited for.
bool IsHastened(const Signals& signals, absl::Duration timeout) {
  if (signals.WaitForStop(timeout) == 0) return false;
  LOG(WARNING) << "drain ends early: second signal";
  return true;
}

// Not ready, then no new work, then until nothing is in flight.
void DrainUntilIdle(const Signals& signals, const Clock& clock,
                    const ServerOptions& options, ServiceNotifier& manager,
                    CairnServer& server) {
  manager.Stopping();
  server.EndReadiness();
  const absl::Duration delayed = clock.Monotonic() + options.drain_delay;
  bool hastened = false;
  while (!hastened && clock.Monotonic() < delayed) {
    manager.Alive();
    hastened = IsHastened(signals, kDrainStep);
  }
  server.Drain();
  const absl::Duration end = clock.Monotonic() + options.drain_timeout;
  while (!hastened && clock.Monotonic() < end &&
         !server.AwaitIdle(kDrainStep)) {
    manager.Alive();
    hastened = IsHastened(signals, absl::ZeroDuration());
  }
}

// From the return of Start on.
void ServeAndDrain(const ServerProgram& program, const Signals& signals,
                   const Clock& clock, int number, CairnServer& server) {
  ServiceNotifier manager(ServiceNotifier::FromEnvironment(), &clock);
  ConfigReload reload([&program] { return Validate(program); },
                      {.settings = program.settings,
                       .options = program.server,
                       .server = &server,
                       .clock = &clock});
  manager.Ready();
  if (number == 0) number = Serve(signals, manager, reload);
  LOG(INFO) << "server was asked to stop signal=" << number;
  DrainUntilIdle(signals, clock, *program.server, manager, server);
  signals.EndOnStop();
  server.Shutdown();
}

void WarnOfVariables(const Settings& settings) {
  const std::vector<std::string> unknown = settings.UnknownVariables();
  if (unknown.empty()) return;
  LOG(WARNING) << "environment variables are no settings of this program, "
                  "see --help: "
               << absl::StrJoin(unknown, ",");
}

}  // namespace

int RunServer(const ServerProgram& program, int argc, const char* const* argv) {
  const Signals signals;
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
  if (program.settings->check_only()) {
    WarnOfVariables(*program.settings);
    return 0;
  }

  InitializeLog(program.server->Log(program.name));
  WarnOfVariables(*program.settings);
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
  ServeAndDrain(program, signals, clock, number, **server);
  return 0;
}

}  // namespace cairn

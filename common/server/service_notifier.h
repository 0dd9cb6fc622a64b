#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "common/time/clock.h"

namespace cairn {

// Tells the service manager that started the process how it is: the datagrams
// of sd_notify(3), to the unix socket that NOTIFY_SOCKET names. Without that
// variable it does nothing. What cannot be sent is lost; the first loss is
// logged. Used by one thread.
class ServiceNotifier {
 public:
  // What the manager says in the environment.
  struct Options {
    std::string socket;  // NOTIFY_SOCKET: "/path", "@abstract" or empty
    // WATCHDOG_USEC, if WATCHDOG_PID is this process or unset: the manager
    // takes the process for hung after so long without a sign.
    absl::Duration watchdog = absl::InfiniteDuration();
  };
  static Options FromEnvironment();

  // `clock` outlives the notifier.
  ServiceNotifier(const Options& options, const Clock* clock)
      : options_(options), clock_(clock) {}

  void Ready() { Send("READY=1"); }
  // Before a reload; Ready after it.
  void Reloading();
  void Stopping() { Send("STOPPING=1"); }
  // A sign of life, to be given at least each sign_period().
  void Alive();
  // Half of what the manager waits; for ever if it does not wait for signs.
  absl::Duration sign_period() const { return options_.watchdog / 2; }

 private:
  void Send(std::string_view state);

  const Options options_;
  const Clock* const clock_;
  bool lost_ = false;
};

}  // namespace cairn

#include "common/server/service_notifier.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/io/unique_fd.h"
#include "common/testing/fake_clock.h"
#include "common/testing/temp_dir.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::testing::StartsWith;

// What a service manager listens on.
class Manager {
 public:
  explicit Manager(const std::string& name)
      : fd_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    if (name.front() == '@') address.sun_path[0] = '\0';
    EXPECT_EQ(bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address),
                   static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) +
                                          name.size())),
              0);
  }

  // The next datagram, or "none".
  std::string Next() {
    char text[256];
    const ssize_t size = read(fd_.get(), text, sizeof(text));
    return size < 0 ? "none" : std::string(text, static_cast<size_t>(size));
  }

 private:
  const UniqueFd fd_;
};

class ServiceNotifierTest : public testing::Test {
 protected:
  void TearDown() override {
    for (const char* name :
         {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) {
      unsetenv(name);
    }
  }

  const TempDir directory_{"/tmp"};  // short, for the socket
  const std::string path_ = directory_.Join("notify");
  FakeClock clock_;
};

TEST_F(ServiceNotifierTest, TellsWhatItIsTold) {
  Manager manager(path_);
  ServiceNotifier notifier({.socket = path_}, &clock_);
  notifier.Ready();
  EXPECT_EQ(manager.Next(), "READY=1");
  notifier.Reloading();
  EXPECT_THAT(manager.Next(), StartsWith("RELOADING=1\nMONOTONIC_USEC="));
  notifier.Stopping();
  EXPECT_EQ(manager.Next(), "STOPPING=1");
  // Nobody waits for it.
  notifier.Alive();
  EXPECT_EQ(manager.Next(), "none");
  EXPECT_EQ(notifier.sign_period(), absl::InfiniteDuration());
}

TEST_F(ServiceNotifierTest, AnAbstractSocketIsOneToo) {
  const std::string name = absl::StrCat("@cairn-notifier-test-", getpid());
  Manager manager(name);
  ServiceNotifier({.socket = name}, &clock_).Ready();
  EXPECT_EQ(manager.Next(), "READY=1");
}

TEST_F(ServiceNotifierTest, SignsOfLifeComeTwiceAsOftenAsAskedFor) {
  Manager manager(path_);
  setenv("NOTIFY_SOCKET", path_.c_str(), 1);
  setenv("WATCHDOG_USEC", "3000000", 1);
  setenv("WATCHDOG_PID", absl::StrCat(getpid()).c_str(), 1);
  ServiceNotifier notifier(ServiceNotifier::FromEnvironment(), &clock_);
  EXPECT_EQ(notifier.sign_period(), absl::Milliseconds(1500));
  notifier.Alive();
  EXPECT_EQ(manager.Next(), "WATCHDOG=1");
}

TEST_F(ServiceNotifierTest, TheWatchdogOfAnotherProcessIsNotOurs) {
  setenv("NOTIFY_SOCKET", path_.c_str(), 1);
  setenv("WATCHDOG_USEC", "3000000", 1);
  setenv("WATCHDOG_PID", "1", 1);
  EXPECT_EQ(ServiceNotifier::FromEnvironment().watchdog,
            absl::InfiniteDuration());
}

TEST_F(ServiceNotifierTest, WithoutAManagerNothingIsSent) {
  EXPECT_EQ(ServiceNotifier::FromEnvironment().socket, "");
  setenv("NOTIFY_SOCKET", "vsock:2:1234", 1);
  EXPECT_EQ(ServiceNotifier::FromEnvironment().socket, "");
  ServiceNotifier({}, &clock_).Ready();
  // One that is gone, or whose name is too long, is no reason to stop.
  ServiceNotifier gone({.socket = path_}, &clock_);
  gone.Ready();
  gone.Stopping();
  ServiceNotifier({.socket = "/" + std::string(200, 'a')}, &clock_).Ready();
}

}  // namespace
}  // namespace cairn

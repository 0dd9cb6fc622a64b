#include "common/server/unix_listener.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <string>

#include "absl/synchronization/notification.h"
#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::testing::HasSubstr;

UniqueFd Connect(const std::string& path) {
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address),
              sizeof(address)) != 0) {
    return UniqueFd();
  }
  return fd;
}

void Ignore(UniqueFd, Caller) {}

mode_t ModeOf(const std::string& path) {
  struct stat found = {};
  lstat(path.c_str(), &found);
  return found.st_mode & 07777;
}

class UnixListenerTest : public ::testing::Test {
 protected:
  const TempDir directory_{"/tmp"};  // short, for the socket
  const std::string path_ = directory_.Join("s");
};

TEST_F(UnixListenerTest, HandsOnConnectionsWithTheirCaller) {
  absl::Notification accepted;
  Caller caller;
  ASSERT_OK_AND_ASSIGN(
      const auto listener,
      UnixListener::Open({.path = path_}, [&](UniqueFd fd, Caller who) {
        EXPECT_TRUE(fd.valid());
        caller = std::move(who);
        accepted.Notify();
      }));
  EXPECT_EQ(ModeOf(path_), mode_t{0600});
  const UniqueFd connection = Connect(path_);
  ASSERT_TRUE(connection.valid());
  accepted.WaitForNotification();
  EXPECT_EQ(caller.kind, CallerKind::kUnix);
  EXPECT_EQ(caller.role, CallerRole::kAdmin);
}

TEST_F(UnixListenerTest, MakesTheDirectoryOfItsSocket) {
  const std::string path = directory_.Join("run/s");
  ASSERT_OK_AND_ASSIGN(const auto listener,
                       UnixListener::Open({.path = path}, Ignore));
  EXPECT_TRUE(Connect(path).valid());
}

TEST_F(UnixListenerTest, IsOpenForAllWhereUsersAreAllowed) {
  ASSERT_OK_AND_ASSIGN(
      const auto listener,
      UnixListener::Open({.path = path_, .allowed_uids = {54321}}, Ignore));
  EXPECT_EQ(ModeOf(path_), mode_t{0666});
}

TEST_F(UnixListenerTest, RemovesItsFileAndNobodyElses) {
  {
    ASSERT_OK_AND_ASSIGN(const auto listener,
                         UnixListener::Open({.path = path_}, Ignore));
  }
  EXPECT_NE(access(path_.c_str(), F_OK), 0);
  ASSERT_OK_AND_ASSIGN(auto first, UnixListener::Open({.path = path_}, Ignore));
  ASSERT_EQ(unlink(path_.c_str()), 0);
  ASSERT_OK_AND_ASSIGN(const auto second,
                       UnixListener::Open({.path = path_}, Ignore));
  first.reset();
  EXPECT_TRUE(Connect(path_).valid());
}

TEST_F(UnixListenerTest, ReplacesASocketThatNobodyListensOn) {
  const UniqueFd dead(socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path_.data(), path_.size());
  ASSERT_EQ(
      bind(dead.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)),
      0);
  ASSERT_OK_AND_ASSIGN(const auto listener,
                       UnixListener::Open({.path = path_}, Ignore));
  EXPECT_TRUE(Connect(path_).valid());
}

TEST_F(UnixListenerTest, RefusesASocketThatIsInUse) {
  ASSERT_OK_AND_ASSIGN(const auto listener,
                       UnixListener::Open({.path = path_}, Ignore));
  EXPECT_THAT(UnixListener::Open({.path = path_}, Ignore),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("another process")));
  EXPECT_TRUE(Connect(path_).valid());
}

TEST_F(UnixListenerTest, RefusesToReplaceAFile) {
  std::ofstream(path_) << "precious";
  EXPECT_THAT(
      UnixListener::Open({.path = path_}, Ignore),
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("no socket")));
  std::string text;
  std::ifstream(path_) >> text;
  EXPECT_EQ(text, "precious");
}

TEST_F(UnixListenerTest, RefusesPathsThatCannotBeUsed) {
  for (const std::string& path :
       {std::string("relative"), std::string(), "/" + std::string(107, 'x'),
        directory_.Join("no/such/s")}) {
    EXPECT_THAT(UnixListener::Open({.path = path}, Ignore),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << path;
  }
}

}  // namespace
}  // namespace cairn

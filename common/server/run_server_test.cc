#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cairn/testing/v1/echo_service.grpc.pb.h"
#include "common/io/unique_fd.h"
#include "common/rpc/channel.h"
#include "common/rpc/client_call.h"
#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"
#include "common/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::cairn::testing::v1::EchoRequest;
using ::cairn::testing::v1::EchoResponse;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kProgram[] = "common/server/echo_server";

// A child process whose stdout and stderr are read as one.
class Process {
 public:
  explicit Process(std::vector<std::string> arguments) {
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    output_ = UniqueFd(ends[0]);
    const UniqueFd input(ends[1]);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input.get(), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, input.get(), STDERR_FILENO);
    arguments.insert(arguments.begin(), kProgram);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    EXPECT_EQ(
        posix_spawn(&pid_, kProgram, &actions, nullptr, argv.data(), environ),
        0);
    posix_spawn_file_actions_destroy(&actions);
  }
  ~Process() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      Wait();
    }
  }

  void Signal(int number) const { EXPECT_EQ(kill(pid_, number), 0); }

  // Reads until a line holds `text`; that line, or "" at the end of output.
  std::string WaitForLine(const std::string& text) {
    while (true) {
      const size_t end = pending_.find('\n');
      if (end == std::string::npos) {
        char buffer[4096];
        const ssize_t size = read(output_.get(), buffer, sizeof(buffer));
        if (size <= 0) return "";
        pending_.append(buffer, static_cast<size_t>(size));
        continue;
      }
      const std::string line = pending_.substr(0, end);
      pending_.erase(0, end + 1);
      all_ += line + "\n";
      if (absl::StrContains(line, text)) return line;
    }
  }

  // Exit code, or 128 and the number of the signal that ended it.
  int Wait() {
    while (!WaitForLine("\n").empty()) {
    }
    int status = 0;
    EXPECT_EQ(waitpid(pid_, &status, 0), pid_);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  const std::string& output() const { return all_; }

 private:
  pid_t pid_ = -1;
  UniqueFd output_;
  std::string pending_;
  std::string all_;
};

class RunServerTest : public ::testing::Test {
 protected:
  std::vector<std::string> Arguments(std::vector<std::string> more = {}) {
    std::vector<std::string> all = {"--data-dir=" + directory_.path(),
                                    "--listen=" + address_, "--max-streams=4",
                                    "--rpc-threads=2", "--worker-threads=2"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  const TempDir directory_{"/tmp"};  // short, for the socket
  const std::string address_ = absl::StrCat("unix:", directory_.Join("s"));
  const SystemClock clock_;
};

TEST_F(RunServerTest, ServesUntilItIsAskedToStop) {
  Process process(Arguments());
  const std::string line = process.WaitForLine("server started");
  const auto parsed = nlohmann::json::parse(line, nullptr, false);
  ASSERT_FALSE(parsed.is_discarded()) << line;
  EXPECT_EQ(parsed["service"], "echo");
  ASSERT_OK_AND_ASSIGN(const auto channel, CreateChannel({.target = address_}));
  ClientCall client({}, clock_, absl::Seconds(30));
  EchoResponse response;
  EXPECT_OK(
      client.Finish(::cairn::testing::v1::EchoService::NewStub(channel)->Echo(
          client.context(), EchoRequest(), &response)));
  process.Signal(SIGTERM);
  EXPECT_EQ(process.Wait(), 0);
  EXPECT_THAT(process.output(), HasSubstr("server stopped"));
  EXPECT_NE(access(directory_.Join("s").c_str(), F_OK), 0);
}

TEST_F(RunServerTest, WaitsForCallsInFlight) {
  Process process(Arguments({"--drain-timeout=1h"}));
  process.WaitForLine("server started");
  ASSERT_OK_AND_ASSIGN(const auto channel, CreateChannel({.target = address_}));
  const auto stub = ::cairn::testing::v1::EchoService::NewStub(channel);
  ClientCall client({}, clock_, absl::InfiniteDuration());
  const auto stream = stub->EchoStream(client.context());
  EchoResponse response;
  ASSERT_TRUE(stream->Write(EchoRequest()));
  ASSERT_TRUE(stream->Read(&response));
  process.Signal(SIGTERM);
  process.WaitForLine("server drains");
  ASSERT_TRUE(stream->Write(EchoRequest()));
  ASSERT_TRUE(stream->Read(&response));
  stream->WritesDone();
  EXPECT_OK(client.Finish(stream->Finish()));
  EXPECT_EQ(process.Wait(), 0);
}

TEST_F(RunServerTest, ASecondSignalEndsTheDrain) {
  Process process(Arguments({"--drain-timeout=1h"}));
  process.WaitForLine("server started");
  ASSERT_OK_AND_ASSIGN(const auto channel, CreateChannel({.target = address_}));
  const auto stub = ::cairn::testing::v1::EchoService::NewStub(channel);
  ClientCall client({}, clock_, absl::InfiniteDuration());
  const auto stream = stub->EchoStream(client.context());
  EchoResponse response;
  ASSERT_TRUE(stream->Write(EchoRequest()));
  ASSERT_TRUE(stream->Read(&response));
  process.Signal(SIGINT);
  process.WaitForLine("server drains");
  process.Signal(SIGTERM);
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_FALSE(client.Finish(stream->Finish()).ok());
  EXPECT_EQ(process.Wait(), 0);
  EXPECT_THAT(process.output(), HasSubstr("second signal"));
}

// What ends a stream of a backup or restore whose server's machine is gone:
// calls with bulk data have no deadline.
TEST_F(RunServerTest, AClientGivesUpAServerThatIsSilent) {
  Process process(Arguments());
  process.WaitForLine("server started");
  ASSERT_OK_AND_ASSIGN(const auto channel,
                       CreateChannel({.target = address_,
                                      .keepalive_time = absl::Seconds(1),
                                      .keepalive_timeout = absl::Seconds(1)}));
  const auto stub = ::cairn::testing::v1::EchoService::NewStub(channel);
  ClientCall client({}, clock_, absl::Seconds(60));
  const auto stream = stub->EchoStream(client.context());
  EchoResponse response;
  ASSERT_TRUE(stream->Write(EchoRequest()));
  ASSERT_TRUE(stream->Read(&response));
  process.Signal(SIGSTOP);
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_THAT(client.Finish(stream->Finish()),
              StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(RunServerTest, AnOfflineCommandHasTheSettingsAndItsOwn) {
  Process process({"where", "--data-dir=/some/where", "--word=in"});
  EXPECT_EQ(process.Wait(), 7);
  EXPECT_THAT(process.output(), HasSubstr("in /some/where\n"));
}

TEST_F(RunServerTest, AnOfflineCommandRefusesWhatItDoesNotKnow) {
  Process process({"where", "--there=/some/where"});
  EXPECT_EQ(process.Wait(), 78);
  EXPECT_THAT(process.output(), HasSubstr("--there"));
  // Its settings are not the server's.
  Process server(Arguments({"--word=in"}));
  EXPECT_EQ(server.Wait(), 78);
}

TEST_F(RunServerTest, HelpNamesTheOfflineCommands) {
  Process process({"--help"});
  EXPECT_EQ(process.Wait(), 0);
  EXPECT_THAT(process.output(), HasSubstr("where [OPTIONS]"));
  EXPECT_THAT(process.output(), HasSubstr("Says which directory it has"));
}

TEST_F(RunServerTest, ASignalEndsAStartThatTakesLong) {
  Process process(Arguments({"--endless-start=true"}));
  ASSERT_NE(process.WaitForLine("start takes for ever"), "");
  process.Signal(SIGTERM);
  EXPECT_EQ(process.Wait(), 128 + SIGTERM);
  EXPECT_THAT(process.output(), HasSubstr("asked to stop while it started"));
}

TEST_F(RunServerTest, WarnsWhereEveryLocalUserIsAnAdministrator) {
  constexpr char kWarning[] = "every user of this machine";
  Process loopback(Arguments({"--listen=127.0.0.1:0"}));
  const std::string warning = loopback.WaitForLine(kWarning);
  EXPECT_THAT(warning, HasSubstr("\"warning\""));
  EXPECT_THAT(warning, HasSubstr("setting listen"));
  loopback.Signal(SIGTERM);
  EXPECT_EQ(loopback.Wait(), 0);
  Process local(Arguments());
  local.WaitForLine("server started");
  local.Signal(SIGTERM);
  EXPECT_EQ(local.Wait(), 0);
  EXPECT_THAT(local.output(), Not(HasSubstr(kWarning)));
}

TEST_F(RunServerTest, RefusesWrongSettingsWithATextForPeople) {
  Process process({"--listen=0.0.0.0:9440"});
  EXPECT_EQ(process.Wait(), 78);
  EXPECT_THAT(process.output(), HasSubstr("setting listen"));
  EXPECT_THAT(process.output(), HasSubstr("tls-cert-file"));
  Process unknown({"--no-such-flag"});
  EXPECT_EQ(unknown.Wait(), 78);
}

TEST_F(RunServerTest, ChecksAndPrintsItsConfiguration) {
  Process check(Arguments({"--check-config"}));
  EXPECT_EQ(check.Wait(), 0);
  EXPECT_EQ(check.output(), "");
  Process print(Arguments({"--print-config"}));
  EXPECT_EQ(print.Wait(), 0);
  EXPECT_THAT(print.output(), HasSubstr("max-streams: \"4\""));
  Process help({"--help"});
  EXPECT_EQ(help.Wait(), 0);
  EXPECT_THAT(help.output(), HasSubstr("--drain-timeout"));
}

}  // namespace
}  // namespace cairn

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
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

  // Of a process whose file has these lines besides what it needs.
  std::vector<std::string> WithFile(const std::string& text) {
    SetFile(text);
    return {"--data-dir=" + directory_.path(), "--listen=" + address_,
            "--config=" + file_};
  }
  void SetFile(const std::string& text) {
    std::ofstream(file_) << "rpc-threads: 2\nworker-threads: 2\n" << text;
  }

  const TempDir directory_{"/tmp"};  // short, for the socket
  const std::string file_ = directory_.Join("echo.yaml");
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

// A stream that has been answered once; null: it was refused.
class OpenStream {
 public:
  OpenStream(::cairn::testing::v1::EchoService::Stub& stub, const Clock& clock)
      : call_({}, clock, absl::Seconds(60)),
        stream_(stub.EchoStream(call_.context())) {
    EchoResponse response;
    answered_ = stream_->Write(EchoRequest()) && stream_->Read(&response);
  }

  bool answered() const { return answered_; }
  bool Again() { return stream_->Write(EchoRequest()) && Reads(); }
  bool Reads() {
    EchoResponse response;
    return stream_->Read(&response);
  }
  absl::Status Finish() {
    stream_->WritesDone();
    return call_.Finish(stream_->Finish());
  }

 private:
  ClientCall call_;
  std::unique_ptr<grpc::ClientReaderWriter<EchoRequest, EchoResponse>> stream_;
  bool answered_ = false;
};

TEST_F(RunServerTest, AHangUpTakesOverLimitsAndNamesWhatNeedsARestart) {
  Process process(WithFile("max-streams: 1"));
  process.WaitForLine("server started");
  ASSERT_OK_AND_ASSIGN(const auto channel, CreateChannel({.target = address_}));
  const auto stub = ::cairn::testing::v1::EchoService::NewStub(channel);
  OpenStream first(*stub, clock_);
  EXPECT_TRUE(first.answered());
  OpenStream refused(*stub, clock_);
  EXPECT_FALSE(refused.answered());
  EXPECT_THAT(refused.Finish(), StatusIs(absl::StatusCode::kResourceExhausted));
  SetFile("max-streams: 2\ndefault-deadline: 7s");
  process.Signal(SIGHUP);
  EXPECT_THAT(process.WaitForLine("needs a restart"),
              HasSubstr("default-deadline"));
  EXPECT_THAT(process.WaitForLine("settings reloaded"),
              HasSubstr("changed=max-streams"));
  OpenStream second(*stub, clock_);
  EXPECT_TRUE(second.answered());
  // Those that were open know nothing of it.
  EXPECT_TRUE(first.Again());
  EXPECT_OK(first.Finish());
  EXPECT_OK(second.Finish());
  process.Signal(SIGTERM);
  EXPECT_EQ(process.Wait(), 0);
}

TEST_F(RunServerTest, AHangUpWithAWrongFileChangesNothing) {
  Process process(WithFile("max-streams: 1\nlog-level: warning"));
  // Below its level nothing is said; so ask until it answers.
  ASSERT_OK_AND_ASSIGN(const auto channel, CreateChannel({.target = address_}));
  const auto stub = ::cairn::testing::v1::EchoService::NewStub(channel);
  ClientCall ready({}, clock_, absl::Seconds(60));
  ready.context()->set_wait_for_ready(true);
  EchoResponse response;
  ASSERT_OK(
      ready.Finish(stub->Echo(ready.context(), EchoRequest(), &response)));
  SetFile("max-streams: 3\nlog-level: loud");
  process.Signal(SIGHUP);
  EXPECT_THAT(process.WaitForLine("settings not reloaded"),
              HasSubstr("log-level"));
  OpenStream first(*stub, clock_);
  EXPECT_TRUE(first.answered());
  OpenStream refused(*stub, clock_);
  EXPECT_FALSE(refused.answered());
  SetFile("max-streams: 1\nlog-level: info");
  process.Signal(SIGHUP);
  EXPECT_THAT(process.WaitForLine("settings reloaded"),
              HasSubstr("changed=log-level"));
  EXPECT_OK(first.Finish());
  process.Signal(SIGTERM);
  // Told at the new level only.
  EXPECT_NE(process.WaitForLine("server was asked to stop"), "");
  EXPECT_EQ(process.Wait(), 0);
}

TEST_F(RunServerTest, AFlagGoesBeforeAFileThatWasReadAgain) {
  std::vector<std::string> arguments = WithFile("");
  arguments.push_back("--max-streams=1");
  Process process(arguments);
  process.WaitForLine("server started");
  SetFile("max-streams: 2");
  process.Signal(SIGHUP);
  const std::string line = process.WaitForLine("settings reloaded");
  EXPECT_THAT(line, HasSubstr("changed="));
  EXPECT_THAT(line, Not(HasSubstr("max-streams")));
  process.Signal(SIGTERM);
  EXPECT_EQ(process.Wait(), 0);
}

TEST_F(RunServerTest, AHangUpWhileItDrainsIsNoReasonToDie) {
  Process process(Arguments({"--drain-timeout=1h"}));
  process.WaitForLine("server started");
  ASSERT_OK_AND_ASSIGN(const auto channel, CreateChannel({.target = address_}));
  const auto stub = ::cairn::testing::v1::EchoService::NewStub(channel);
  OpenStream stream(*stub, clock_);
  process.Signal(SIGTERM);
  process.WaitForLine("server drains");
  process.Signal(SIGHUP);
  EXPECT_TRUE(stream.Again());
  EXPECT_OK(stream.Finish());
  EXPECT_EQ(process.Wait(), 0);
}

TEST_F(RunServerTest, BeginsNewWorkUntilTheDelayOfItsDrainIsOver) {
  Process process(Arguments({"--drain-delay=1h", "--drain-timeout=1h",
                             "--health-listen=127.0.0.1:0"}));
  const std::string started = process.WaitForLine("server started");
  ASSERT_OK_AND_ASSIGN(const auto channel, CreateChannel({.target = address_}));
  const auto stub = ::cairn::testing::v1::EchoService::NewStub(channel);
  process.Signal(SIGTERM);
  process.WaitForLine("no longer ready");
  OpenStream stream(*stub, clock_);
  EXPECT_TRUE(stream.answered());
  // A second signal ends the delay, and the grace with it.
  process.Signal(SIGTERM);
  process.WaitForLine("second signal");
  EXPECT_FALSE(stream.Reads());
  EXPECT_FALSE(stream.Finish().ok());
  EXPECT_EQ(process.Wait(), 0);
}

TEST_F(RunServerTest, TellsItsServiceManager) {
  const std::string path = directory_.Join("notify");
  const UniqueFd manager(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, path.c_str());
  ASSERT_EQ(bind(manager.get(), reinterpret_cast<const sockaddr*>(&address),
                 sizeof(address)),
            0);
  const auto next = [&manager]() -> std::string {
    char text[256];
    const ssize_t size = read(manager.get(), text, sizeof(text));
    return std::string(text, static_cast<size_t>(std::max<ssize_t>(0, size)));
  };
  setenv("NOTIFY_SOCKET", path.c_str(), 1);
  setenv("WATCHDOG_USEC", "200000", 1);
  Process process(WithFile(""));
  unsetenv("NOTIFY_SOCKET");
  unsetenv("WATCHDOG_USEC");
  // The first thing that is told: until then it does not serve.
  EXPECT_EQ(next(), "READY=1");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(next(), "WATCHDOG=1");
  const auto next_but_signs = [&next] {
    std::string text = next();
    while (text == "WATCHDOG=1") text = next();
    return text;
  };
  process.Signal(SIGHUP);
  EXPECT_THAT(next_but_signs(), HasSubstr("RELOADING=1"));
  EXPECT_EQ(next_but_signs(), "READY=1");
  process.Signal(SIGTERM);
  EXPECT_EQ(next_but_signs(), "STOPPING=1");
  EXPECT_EQ(process.Wait(), 0);
}

TEST_F(RunServerTest, WarnsOfVariablesThatAreNoSetting) {
  setenv("CAIRN_MAX_STREMAS", "3", 1);
  Process process(WithFile(""));
  unsetenv("CAIRN_MAX_STREMAS");
  EXPECT_THAT(process.WaitForLine("environment variables"),
              HasSubstr("CAIRN_MAX_STREMAS"));
  process.Signal(SIGTERM);
  process.Wait();
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

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "client/testing/grpc_fake_maintenance.h"
#include "client/testing/program_console.h"
#include "common/testing/temp_dir.h"
#include "common/token/token_text.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn::client {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

using namespace maintenance::v1;  // NOLINT: as much as client's

// token, and --token-file, against a server in this process.
class TokenTest : public ProgramConsole {
 protected:
  TokenTest() { variables_["CAIRN_SERVER"] = server_.address(); }

  int RunJson(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--output-format", "json"});
    return Run(arguments);
  }
  std::string PutFile(const std::string& text, mode_t mode = 0600) {
    const std::string path = directory_.Join("token");
    std::filesystem::remove(path);
    std::ofstream(path) << text;
    EXPECT_EQ(chmod(path.c_str(), mode), 0);
    return path;
  }
  static std::string Contents(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }

  const TempDir directory_;
  FakeMaintenance server_;
};

TEST_F(TokenTest, CreateTellsTheTextOnceAndAlone) {
  ASSERT_EQ(Run({"token", "create", "web1", "--role=backup"}), 0) << err();
  const std::string text = out().substr(0, out().size() - 1);
  EXPECT_TRUE(ParseTokenText(text).has_value()) << out();
  EXPECT_EQ(out(), text + "\n");
  EXPECT_THAT(err(), AllOf(HasSubstr("web1"), HasSubstr("backup"),
                           HasSubstr("everything"), HasSubstr("only time"),
                           Not(HasSubstr(text))));
  const CreateTokenRequest request = server_.token_requests()[0];
  EXPECT_EQ(request.name(), "web1");
  EXPECT_EQ(request.role(), TOKEN_ROLE_BACKUP);
  EXPECT_EQ(request.request_id().size(), 36u);
  EXPECT_FALSE(request.has_lifetime());
  EXPECT_FALSE(request.never_expires());
  EXPECT_EQ(request.scope(), "");
}

TEST_F(TokenTest, OptionsReachTheServer) {
  ASSERT_EQ(Run({"token", "create", "web1", "--role=operator",
                 "--scope=default/servers/web", "--expires-in=1w2d"}),
            0)
      << err();
  EXPECT_EQ(server_.token_requests()[0].scope(),
            "datastores/default/namespaces/servers/namespaces/web");
  EXPECT_EQ(server_.token_requests()[0].lifetime().seconds(), 9 * 86400);
  ASSERT_EQ(Run({"token", "create", "web2", "--role=admin", "--scope=default",
                 "--never-expires"}),
            0);
  EXPECT_EQ(server_.token_requests()[1].scope(), "datastores/default");
  EXPECT_TRUE(server_.token_requests()[1].never_expires());
  ASSERT_EQ(Run({"token", "create", "web3", "--role=reader",
                 "--scope=datastores/default/namespaces/a"}),
            0);
  EXPECT_EQ(server_.token_requests()[2].scope(),
            "datastores/default/namespaces/a");
}

TEST_F(TokenTest, CreateIsOneDocumentForPrograms) {
  ASSERT_EQ(RunJson({"token", "create", "web1", "--role=reader"}), 0) << err();
  EXPECT_EQ(err(), "");
  const Json document = json();
  EXPECT_EQ(document["token"]["name"], "web1");
  EXPECT_EQ(document["token"]["role"], "reader");
  EXPECT_EQ(document["token"]["state"], "active");
  EXPECT_EQ(document["token"]["scope"], nullptr);
  EXPECT_EQ(document["file"], nullptr);
  EXPECT_TRUE(ParseTokenText(document["text"].get<std::string>()).has_value());
}

TEST_F(TokenTest, CreateWritesAFileForItsOwnerAlone) {
  const std::string path = directory_.Join("new");
  ASSERT_EQ(
      Run({"token", "create", "web1", "--role=backup", "--output=" + path}), 0)
      << err();
  EXPECT_EQ(out(), path + "\n");
  const std::string text = Contents(path);
  EXPECT_TRUE(ParseTokenText(text.substr(0, text.size() - 1)).has_value());
  EXPECT_THAT(err(), Not(HasSubstr("cairn_")));
  struct stat st;
  ASSERT_EQ(stat(path.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0600u);
  // It is a token file as it is.
  ASSERT_EQ(Run({"token", "list", "--token-file", path}), 0) << err();
  EXPECT_EQ(server_.authorization(),
            "Bearer " + text.substr(0, text.size() - 1));
  // One that is there stays, and no token is made for it.
  EXPECT_EQ(
      Run({"token", "create", "web2", "--role=backup", "--output=" + path}),
      74);
  EXPECT_EQ(Contents(path), text);
  EXPECT_EQ(server_.tokens().size(), 1u);
  // Nor is a file where no token was made.
  EXPECT_EQ(Run({"token", "create", "web1", "--role=backup",
                 "--output=" + directory_.Join("other")}),
            14);
  EXPECT_FALSE(std::filesystem::exists(directory_.Join("other")));
}

TEST_F(TokenTest, WhatExistsIsRefusedWithTheWayOut) {
  ASSERT_EQ(Run({"token", "create", "web1", "--role=backup"}), 0);
  ASSERT_EQ(RunJson({"token", "create", "web1", "--role=backup"}), 14);
  EXPECT_EQ(json()["error"]["reason"], "TOKEN_EXISTS");
  EXPECT_THAT(err(), HasSubstr("cairn token revoke"));
}

TEST_F(TokenTest, AnAnswerThatIsLostIsToldAsSuch) {
  server_.SetFaults({.unavailable_calls = 1});
  ASSERT_EQ(Run({"token", "create", "web1", "--role=backup"}), 75);
  EXPECT_THAT(err(), AllOf(HasSubstr("may have been made"),
                           HasSubstr("cairn token list")));
}

TEST_F(TokenTest, ListsAllAndNothingSecret) {
  for (const char* name : {"web1", "web2", "web3"}) {
    ASSERT_EQ(Run({"token", "create", name, "--role=backup"}), 0);
  }
  ASSERT_EQ(Run({"token", "revoke", "web2"}), 0) << err();
  ASSERT_EQ(Run({"token", "list"}), 0) << err();
  EXPECT_THAT(out(), AllOf(HasSubstr("web1"), HasSubstr("web2"),
                           HasSubstr("web3"), HasSubstr("revoked"),
                           HasSubstr("ann@unix"), Not(HasSubstr("cairn_"))));
  ASSERT_EQ(RunJson({"token", "list", "--active"}), 0);
  const Json document = json();
  ASSERT_EQ(document["tokens"].size(), 2u);
  EXPECT_EQ(document["tokens"][1]["name"], "web3");
  EXPECT_EQ(document["tokens"][1]["revoke_time"], nullptr);
  EXPECT_EQ(document["tokens"][1].size(), 9u);
}

TEST_F(TokenTest, RevokesByNameOrId) {
  ASSERT_EQ(Run({"token", "create", "web1", "--role=backup"}), 0);
  ASSERT_EQ(Run({"token", "create", "web2", "--role=backup"}), 0);
  ASSERT_EQ(Run({"token", "revoke", "web1"}), 0) << err();
  EXPECT_THAT(out(), AllOf(StartsWith("revoked web1 ("), HasSubstr("5 sec")));
  ASSERT_EQ(RunJson({"token", "revoke", "--id=" + server_.tokens()[1].id()}),
            0);
  EXPECT_EQ(json()["token"]["name"], "web2");
  EXPECT_EQ(json()["token"]["state"], "revoked");
  ASSERT_EQ(Run({"token", "revoke", "web9"}), 10);
  EXPECT_THAT(err(), HasSubstr("`cairn token list`"));
}

TEST_F(TokenTest, WhatMakesNoSenseIsWrongUsage) {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{
           {"token"},
           {"token", "create", "web1"},
           {"token", "create", "--role=backup"},
           {"token", "create", "web1", "--role=root"},
           {"token", "create", "web1", "--role=backup", "--expires-in=soon"},
           {"token", "create", "web1", "--role=backup", "--expires-in=1d",
            "--never-expires"},
           {"token", "create", "web1", "--role=backup", "--scope=default/"},
           {"token", "create", "web1", "--role=backup", "--scope=/a"},
           // Not a token for everything, as a variable that is not set.
           {"token", "create", "web1", "--role=backup", "--scope="},
           {"token", "create", "web1", "--role=backup", "--scope", ""},
           {"token", "create", "web1", "--role=backup",
            "--scope=datastores/default/groups/vm/1"},
           {"token", "revoke"},
           {"token", "revoke", "web1", "--id=x"}}) {
    EXPECT_EQ(Run(arguments), 2) << arguments.back() << err();
    EXPECT_THAT(err(), AllOf(StartsWith("cairn: "), HasSubstr("\nnext: ")));
  }
  EXPECT_TRUE(server_.token_requests().empty());
}

TEST_F(TokenTest, EveryCallShowsTheTokenOfTheFile) {
  const std::string text =
      FormatTokenText(Uuid(), std::string(kTokenSecretBytes, '\7'));
  const std::string path = PutFile(text + "\n");
  ASSERT_EQ(Run({"token", "list"}), 0);
  EXPECT_EQ(server_.authorization(), "");
  ASSERT_EQ(Run({"token", "list", "--token-file", path}), 0) << err();
  EXPECT_EQ(server_.authorization(), "Bearer " + text);
  variables_["CAIRN_TOKEN_FILE"] = path;
  ASSERT_EQ(Run({"token", "revoke", "nobody"}), 10);
  EXPECT_EQ(server_.authorization(), "Bearer " + text);
  EXPECT_THAT(out() + err(), Not(HasSubstr(text.substr(29))));
}

TEST_F(TokenTest, AFileThatOthersMayReadIsRefused) {
  const std::string text =
      FormatTokenText(Uuid(), std::string(kTokenSecretBytes, '\7'));
  variables_["CAIRN_TOKEN_FILE"] = PutFile(text, 0644);
  ASSERT_EQ(RunJson({"token", "list"}), 74);
  EXPECT_EQ(json()["error"]["reason"], "LOCAL_IO");
  EXPECT_THAT(err(), AllOf(HasSubstr("0644"), HasSubstr("0600")));
  variables_["CAIRN_TOKEN_FILE"] = directory_.Join("none");
  EXPECT_EQ(Run({"token", "list"}), 74);
  for (const std::string& other :
       {std::string(), text + "\n" + text, text.substr(1), "x" + text}) {
    variables_["CAIRN_TOKEN_FILE"] = PutFile(other);
    EXPECT_EQ(Run({"token", "list"}), 2) << other;
    EXPECT_THAT(err(), Not(HasSubstr(text.substr(40))));
  }
}

TEST_F(TokenTest, NoTokenGoesToAnotherMachineInPlaintext) {
  const std::string path =
      PutFile(FormatTokenText(Uuid(), std::string(kTokenSecretBytes, '\7')));
  for (const char* server :
       {"192.0.2.1:9440", "plaintext:192.0.2.1:9440", "example.net:9440"}) {
    EXPECT_EQ(Run({"token", "list", "--server", server, "--token-file", path}),
              2)
        << server;
    EXPECT_THAT(err(), HasSubstr("plaintext and not loopback"));
  }
}

}  // namespace
}  // namespace cairn::client

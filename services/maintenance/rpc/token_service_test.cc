#include "services/maintenance/rpc/token_service.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/rpc/channel.h"
#include "common/rpc/client_call.h"
#include "common/server/cairn_server.h"
#include "common/server/test_certificates.h"
#include "common/testing/recording_fatal_error_sink.h"
#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"
#include "common/token/token_reasons.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/maintenance/client/grpc_token_client.h"
#include "services/maintenance/engine/fake_chunk_store.h"
#include "services/maintenance/engine/fake_index.h"
#include "services/maintenance/server.h"

namespace cairn::maintenance {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr auto kDenied = absl::StatusCode::kPermissionDenied;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

// One call of a stub.
#define CALL(stub, method, request)                                      \
  [&] {                                                                  \
    ClientCall rpc(call_, clock_, absl::Minutes(1));                     \
    v1::method##Response response;                                       \
    const absl::Status status =                                          \
        rpc.Finish((stub)->method(rpc.context(), (request), &response)); \
    return status.ok() ? absl::StatusOr<v1::method##Response>(response)  \
                       : status;                                         \
  }()

// Maintenance in a real server over TLS, with callers of several roles.
class TokenServiceTest : public ::testing::Test {
 protected:
  TokenServiceTest() { Start(); }

  void Start() {
    ServerOptions server;
    server.data_dir = directory_.path();
    server.listen = {"127.0.0.1:0"};
    server.tls = own_;
    server.worker_threads = 2;
    server.rpc_threads = 2;
    server.max_streams = 1;
    Options options;
    options.reserve_bytes = 1;
    options.ballast_bytes = 0;
    std::vector<std::unique_ptr<Service>> services;
    services.push_back(std::make_unique<MaintenanceServer>(
        options, server.data_dir,
        [this](ServiceContext&) -> absl::StatusOr<MaintenanceServer::Peers> {
          return MaintenanceServer::Peers{
              .catalog = &index_, .fence = &index_, .chunks = &chunks_};
        }));
    auto started =
        CairnServer::Start("maintenance", server, std::move(services),
                           {.clock = &clock_, .fatal_errors = &fatal_});
    ASSERT_OK(started);
    server_ = *std::move(started);
  }

  std::shared_ptr<grpc::Channel> Channel(const TlsFiles& files) {
    auto channel =
        CreateChannel({.target = absl::StrCat("127.0.0.1:", server_->port()),
                       .tls_ca_file = files.ca,
                       .tls_cert_file = files.cert,
                       .tls_key_file = files.key});
    EXPECT_OK(channel);
    return channel.ok() ? *channel : nullptr;
  }
  std::unique_ptr<v1::TokenService::Stub> As(const std::string& uri) {
    return v1::TokenService::NewStub(Channel(authority_.Issue("x", uri)));
  }

  static v1::CreateTokenRequest Create(const std::string& name) {
    v1::CreateTokenRequest request;
    request.set_request_id(absl::StrCat("request of ", name));
    request.set_name(name);
    request.set_role(v1::TOKEN_ROLE_BACKUP);
    return request;
  }

  const TestAuthority authority_{"authority"};
  const TlsFiles own_ =
      authority_.Issue("maintenance", "spiffe://cairn/service/maintenance");
  const SystemClock clock_;
  const TempDir directory_;
  RecordingFatalErrorSink fatal_;
  FakeIndex index_;
  FakeChunkStore chunks_;
  const Call call_;
  std::unique_ptr<CairnServer> server_;
};

TEST_F(TokenServiceTest, TokensAreMadeListedAndRevoked) {
  const auto admin = As("spiffe://cairn/admin/ann");
  v1::CreateTokenRequest request = Create("web1");
  request.set_scope("datastores/main");
  request.mutable_lifetime()->set_seconds(3600);
  ASSERT_OK_AND_ASSIGN(const auto created, CALL(admin, CreateToken, request));
  EXPECT_EQ(created.text().size(), kTokenTextChars);
  EXPECT_THAT(created.text(), HasSubstr(created.token().id()));
  EXPECT_EQ(created.token().name(), "web1");
  EXPECT_EQ(created.token().created_by(), "ann@tls");
  EXPECT_EQ(created.token().state(), v1::TOKEN_STATE_ACTIVE);
  EXPECT_EQ(created.token().expire_time().seconds(),
            created.token().create_time().seconds() + 3600);
  const auto again = CALL(admin, CreateToken, request);
  EXPECT_THAT(again, HasReasonCode(reason::kTokenExists));

  ASSERT_OK_AND_ASSIGN(const auto list,
                       CALL(admin, ListTokens, v1::ListTokensRequest()));
  ASSERT_THAT(list.tokens(), SizeIs(1));
  EXPECT_EQ(list.tokens(0).SerializeAsString(),
            created.token().SerializeAsString());

  v1::RevokeTokenRequest revoke;
  revoke.set_id(created.token().id());
  for (int i = 0; i < 2; ++i) {
    ASSERT_OK_AND_ASSIGN(const auto revoked, CALL(admin, RevokeToken, revoke));
    EXPECT_EQ(revoked.token().state(), v1::TOKEN_STATE_REVOKED);
    EXPECT_TRUE(revoked.token().has_revoke_time());
  }
  v1::ListTokensRequest active;
  active.set_active_only(true);
  ASSERT_OK_AND_ASSIGN(const auto none, CALL(admin, ListTokens, active));
  EXPECT_THAT(none.tokens(), IsEmpty());
  const std::string metrics = server_->metrics().Text();
  EXPECT_THAT(metrics,
              HasSubstr("cairn_maintenance_tokens{state=\"revoked\"} 1\n"));
  EXPECT_THAT(metrics,
              HasSubstr("cairn_maintenance_tokens{state=\"active\"} 0\n"));
}

TEST_F(TokenServiceTest, WhatMakesNoSenseIsRefusedByName) {
  const auto admin = As("spiffe://cairn/admin/ann");
  const auto refused = [&](auto change, const char* text) {
    v1::CreateTokenRequest request = Create("web1");
    change(request);
    EXPECT_THAT(CALL(admin, CreateToken, request),
                StatusIs(kInvalid, HasSubstr(text)));
  };
  refused([](auto& r) { r.clear_request_id(); }, "request id");
  refused([](auto& r) { r.set_name("a@b"); }, "token name");
  refused([](auto& r) { r.clear_role(); }, "role");
  refused([](auto& r) { r.set_scope("main"); }, "scope");
  refused([](auto& r) { r.mutable_lifetime()->set_seconds(0); }, "lifetime");
  refused([](auto& r) { r.mutable_lifetime()->set_seconds(-5); }, "lifetime");
  refused([](auto& r) { r.mutable_lifetime()->set_seconds(1LL << 30); },
          "lifetime");
  refused(
      [](auto& r) {
        r.mutable_lifetime()->set_seconds(60);
        r.set_never_expires(true);
      },
      "never_expires");
  v1::RevokeTokenRequest revoke;
  EXPECT_THAT(CALL(admin, RevokeToken, revoke), StatusIs(kInvalid));
  revoke.set_id("short");
  EXPECT_THAT(CALL(admin, RevokeToken, revoke),
              StatusIs(kInvalid, HasSubstr("id is \"short\"")));
  revoke.set_name("web1");
  EXPECT_THAT(CALL(admin, RevokeToken, revoke), StatusIs(kInvalid));
  revoke.clear_id();
  EXPECT_THAT(CALL(admin, RevokeToken, revoke),
              HasReasonCode(reason::kTokenUnknown));
  v1::ListTokensRequest list;
  list.set_page_token("x");
  EXPECT_THAT(CALL(admin, ListTokens, list),
              HasReasonCode(reason::kPageTokenInvalid));
}

TEST_F(TokenServiceTest, OnlyAdministratorsAndIngestMayAsk) {
  for (const char* uri :
       {"spiffe://cairn/reader/ann", "spiffe://cairn/backup/ann",
        "spiffe://cairn/operator/ann", "spiffe://cairn/service/ingest",
        "spiffe://cairn/service/index", ""}) {
    const auto stub = As(uri);
    EXPECT_THAT(CALL(stub, CreateToken, Create("web1")), StatusIs(kDenied))
        << uri;
    EXPECT_THAT(CALL(stub, ListTokens, v1::ListTokensRequest()),
                StatusIs(kDenied));
    EXPECT_THAT(CALL(stub, RevokeToken, v1::RevokeTokenRequest()),
                StatusIs(kDenied));
  }
  for (const char* uri :
       {"spiffe://cairn/backup/ann", "spiffe://cairn/operator/ann",
        "spiffe://cairn/service/index", "spiffe://cairn/service/maintenance"}) {
    EXPECT_THAT(CALL(As(uri), ReadTokenTable, v1::ReadTokenTableRequest()),
                StatusIs(kDenied))
        << uri;
  }
}

TEST_F(TokenServiceTest, IngestReadsThemAllAndOnlyWhenTheyChange) {
  const auto admin = As("spiffe://cairn/admin/ann");
  ASSERT_OK_AND_ASSIGN(const auto created,
                       CALL(admin, CreateToken, Create("web1")));
  GrpcTokenClient client(
      Channel(authority_.Issue("i", "spiffe://cairn/service/ingest")), &clock_);
  ASSERT_OK_AND_ASSIGN(const TokenCopy copy, client.ReadTokens(call_, ""));
  ASSERT_THAT(copy.entries, SizeIs(1));
  const auto proof = ParseTokenText(created.text());
  ASSERT_TRUE(proof.has_value());
  EXPECT_OK(TokenTable(copy.entries).Find(*proof, clock_.Now()));
  ASSERT_OK_AND_ASSIGN(const TokenCopy same,
                       client.ReadTokens(call_, copy.version));
  EXPECT_TRUE(same.unchanged);
  EXPECT_EQ(same.version, copy.version);
  v1::RevokeTokenRequest revoke;
  revoke.set_name("web1");
  ASSERT_OK(CALL(admin, RevokeToken, revoke));
  ASSERT_OK_AND_ASSIGN(const TokenCopy fewer,
                       client.ReadTokens(call_, copy.version));
  EXPECT_FALSE(fewer.unchanged);
  EXPECT_THAT(fewer.entries, IsEmpty());
  v1::ReadTokenTableRequest request;
  request.set_known_version(std::string(65, 'x'));
  EXPECT_THAT(
      CALL(As("spiffe://cairn/service/ingest"), ReadTokenTable, request),
      StatusIs(kInvalid, HasSubstr("known_version")));
}

// More than one page of 1000.
TEST_F(TokenServiceTest, ManyTokensComeInPages) {
  const auto admin = As("spiffe://cairn/admin/ann");
  constexpr int kTokens = 1001;
  for (int i = 0; i < kTokens; ++i) {
    ASSERT_OK(CALL(admin, CreateToken, Create(absl::StrCat("web", i))));
  }
  GrpcTokenClient client(
      Channel(authority_.Issue("i", "spiffe://cairn/service/ingest")), &clock_);
  ASSERT_OK_AND_ASSIGN(const TokenCopy copy, client.ReadTokens(call_, ""));
  EXPECT_EQ(TokenTable(copy.entries).size(), size_t{kTokens});
}

TEST_F(TokenServiceTest, TokensOutliveARestart) {
  auto admin = As("spiffe://cairn/admin/ann");
  ASSERT_OK(CALL(admin, CreateToken, Create("web1")));
  ASSERT_OK(CALL(admin, CreateToken, Create("web2")));
  v1::RevokeTokenRequest revoke;
  revoke.set_name("web2");
  ASSERT_OK(CALL(admin, RevokeToken, revoke));
  server_.reset();
  Start();
  admin = As("spiffe://cairn/admin/ann");
  v1::ListTokensRequest active;
  active.set_active_only(true);
  ASSERT_OK_AND_ASSIGN(const auto list, CALL(admin, ListTokens, active));
  ASSERT_THAT(list.tokens(), SizeIs(1));
  EXPECT_EQ(list.tokens(0).name(), "web1");
}

}  // namespace
}  // namespace cairn::maintenance

#include "common/rpc/endpoint.h"

#include <string>

#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

struct Good {
  const char* text;
  bool has_tls_files;
  Endpoint::Kind kind;
  const char* address;
};

TEST(ParseEndpointTest, ReadsWhatIsAllowed) {
  using Kind = Endpoint::Kind;
  for (const Good& good : {
           Good{"unix:/run/x.sock", true, Kind::kUnix, "unix:/run/x.sock"},
           Good{"127.0.0.1:9440", false, Kind::kPlaintext, "127.0.0.1:9440"},
           Good{"127.5.0.1:0", false, Kind::kPlaintext, "127.5.0.1:0"},
           Good{"localhost:1", false, Kind::kPlaintext, "127.0.0.1:1"},
           Good{"[::1]:9440", false, Kind::kPlaintext, "[::1]:9440"},
           Good{"127.0.0.1:9440", true, Kind::kTls, "127.0.0.1:9440"},
           Good{"0.0.0.0:65535", true, Kind::kTls, "0.0.0.0:65535"},
           Good{"[fe80::1]:1", true, Kind::kTls, "[fe80::1]:1"},
           Good{"tls:index.cairn:9441", true, Kind::kTls, "index.cairn:9441"},
           Good{"plaintext:127.0.0.1:1", true, Kind::kPlaintext, "127.0.0.1:1"},
       }) {
    ASSERT_OK_AND_ASSIGN(const Endpoint endpoint,
                         ParseEndpoint(good.text, good.has_tls_files));
    EXPECT_EQ(endpoint.kind, good.kind) << good.text;
    EXPECT_EQ(endpoint.Address(), good.address);
  }
}

TEST(ParseEndpointTest, RefusesPlaintextOffLoopbackAndSaysWhatToSet) {
  for (const char* text : {"0.0.0.0:9440", "10.0.0.1:1", "[::]:1", "host:1",
                           "plaintext:192.168.0.1:1", "128.0.0.1:1"}) {
    EXPECT_THAT(ParseEndpoint(text, false),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr(text), HasSubstr("tls-cert-file"))));
  }
  EXPECT_THAT(ParseEndpoint("plaintext:0.0.0.0:1", true),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(
      ParseEndpoint("tls:host:1", false),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("tls-ca-file")));
}

TEST(ParseEndpointTest, RefusesWhatIsNoAddress) {
  for (const std::string& text :
       {std::string(""), std::string("unix:"), std::string("unix:run/x"),
        "unix:/" + std::string(107, 'x'), std::string("unix:/a\0b", 9),
        std::string("127.0.0.1"), std::string("127.0.0.1:"), std::string(":80"),
        std::string("127.0.0.1:65536"), std::string("127.0.0.1:-1"),
        std::string("127.0.0.1:+1"), std::string("127.0.0.1: 1"),
        std::string("::1:80"), std::string("[127.0.0.1]:80"),
        std::string("[]:80"), std::string("a/b:80"),
        std::string("dns:///host:80"), std::string(300, 'h') + ":80"}) {
    EXPECT_THAT(ParseEndpoint(text, true),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << text;
  }
}

}  // namespace
}  // namespace cairn

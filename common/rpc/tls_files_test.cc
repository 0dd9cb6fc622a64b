#include "common/rpc/tls_files.h"

#include "common/server/test_certificates.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kUnusable = absl::StatusCode::kFailedPrecondition;

class TlsFilesTest : public ::testing::Test {
 protected:
  const TestAuthority authority_{"authority"};
  const TlsFiles all_ = authority_.Issue("web1");
};

TEST_F(TlsFilesTest, AServerNeedsAllThree) {
  EXPECT_OK(CheckTlsFiles(all_));
  for (std::string TlsFiles::*file :
       {&TlsFiles::ca, &TlsFiles::cert, &TlsFiles::key}) {
    TlsFiles some = all_;
    (some.*file).clear();
    EXPECT_THAT(CheckTlsFiles(some), StatusIs(kInvalid));
  }
}

TEST_F(TlsFilesTest, AClientNeedsTheAuthorityAndMayHaveACertificate) {
  EXPECT_OK(CheckClientTlsFiles(all_));
  EXPECT_OK(CheckClientTlsFiles({.ca = all_.ca}));
  for (const TlsFiles& some :
       {TlsFiles{.cert = all_.cert, .key = all_.key},
        TlsFiles{.ca = all_.ca, .cert = all_.cert},
        TlsFiles{.ca = all_.ca, .key = all_.key}, TlsFiles{}}) {
    EXPECT_THAT(CheckClientTlsFiles(some),
                StatusIs(kInvalid, HasSubstr("tls-ca-file")));
  }
}

TEST_F(TlsFilesTest, FilesThatNoHandshakeCanUseAreRefused) {
  const TlsFiles other = authority_.Issue("web2");
  EXPECT_THAT(
      CheckTlsFiles({.ca = all_.ca, .cert = all_.cert, .key = other.key}),
      StatusIs(kUnusable, HasSubstr("tls-key-file")));
  EXPECT_THAT(CheckClientTlsFiles({.ca = "/no/such/file"}),
              StatusIs(kUnusable, HasSubstr("tls-ca-file")));
  EXPECT_THAT(CheckClientTlsFiles({.ca = all_.key}), StatusIs(kUnusable));
}

}  // namespace
}  // namespace cairn

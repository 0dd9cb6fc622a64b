#include "common/rpc/certificate_expiry.h"

#include <fstream>
#include <iterator>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/server/test_certificates.h"
#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"
#include "common/time/clock.h"

namespace cairn {
namespace {

TEST(CertificateExpiryTest, IsThatOfTheFirstThatEnds) {
  const TestAuthority authority("ca");
  ASSERT_OK_AND_ASSIGN(const absl::Time expiry,
                       FirstExpiry(authority.ca_file()));
  const absl::Duration left = expiry - SystemClock().Now();
  EXPECT_GT(left, absl::Hours(47));
  EXPECT_LE(left, absl::Hours(48));
  ASSERT_OK_AND_ASSIGN(const absl::Time own,
                       FirstExpiry(authority.Issue("index", "").cert));
  EXPECT_GE(own, expiry - absl::Minutes(1));
  std::ifstream file(authority.ca_file());
  const std::string pem(std::istreambuf_iterator<char>(file), {});
  ASSERT_OK_AND_ASSIGN(const absl::Time same, ExpiryOf(pem));
  EXPECT_EQ(same, expiry);
  EXPECT_THAT(ExpiryOf(""), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST(CertificateExpiryTest, AFileWithoutCertificateHasNone) {
  const TempDir directory;
  const std::string path = directory.path() + "/none.pem";
  EXPECT_THAT(FirstExpiry(path),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  std::ofstream(path) << "-----BEGIN CERTIFICATE-----\nnonsense\n";
  EXPECT_THAT(FirstExpiry(path),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

}  // namespace
}  // namespace cairn

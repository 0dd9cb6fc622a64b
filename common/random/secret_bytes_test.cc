#include "common/random/secret_bytes.h"

#include <set>

#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

TEST(SecretBytesTest, GivesOthersEachTime) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    ASSERT_OK_AND_ASSIGN(const std::string bytes, SecretBytes(32));
    EXPECT_EQ(bytes.size(), 32u);
    EXPECT_TRUE(seen.insert(bytes).second);
  }
}

TEST(SecretBytesTest, GivesAsManyAsAskedForWithinItsBounds) {
  for (const size_t count : {1u, 16u, 256u}) {
    ASSERT_OK_AND_ASSIGN(const std::string bytes, SecretBytes(count));
    EXPECT_EQ(bytes.size(), count);
  }
  EXPECT_THAT(SecretBytes(0), StatusIs(absl::StatusCode::kInternal));
  EXPECT_THAT(SecretBytes(257), StatusIs(absl::StatusCode::kInternal));
}

}  // namespace
}  // namespace cairn

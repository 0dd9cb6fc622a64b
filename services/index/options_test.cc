#include "services/index/options.h"

#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace cairn::index {
namespace {

using ::testing::HasSubstr;

TEST(OptionsTest, TheDefaultsAreValidAndThoseOfTheEngine) {
  const Options options;
  EXPECT_OK(options.Validate());
  const IndexEngine::Options engine = options.Engine();
  const IndexEngine::Options defaults;
  EXPECT_EQ(engine.datastores.max_datastores,
            defaults.datastores.max_datastores);
  EXPECT_EQ(engine.datastores.max_page_touches,
            defaults.datastores.max_page_touches);
  EXPECT_EQ(engine.sessions.max_open_sessions,
            defaults.sessions.max_open_sessions);
  EXPECT_EQ(engine.archives.page_cache_bytes,
            defaults.archives.page_cache_bytes);
}

TEST(OptionsTest, TheBallastIsAtMostTheReserve) {
  Options options;
  options.ballast_bytes = options.reserve_bytes + 1;
  EXPECT_THAT(options.Validate(), StatusIs(absl::StatusCode::kInvalidArgument,
                                           HasSubstr("database-ballast")));
}

}  // namespace
}  // namespace cairn::index

#include "services/chunk_storage/options.h"

#include <sstream>
#include <vector>

#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn::chunk_storage {
namespace {

using ::testing::HasSubstr;

absl::Status Parse(std::vector<const char*> args, Options& options) {
  Settings settings("test", "Tests.", "0");
  RegisterSettings(settings, "", &options);
  args.insert(args.begin(), "test");
  std::ostringstream out;
  const auto command =
      settings.Parse(static_cast<int>(args.size()), args.data(), out);
  return command.ok() ? options.Validate() : command.status();
}

TEST(ChunkStorageOptionsTest, DefaultsAreValidAndSettingsAreRead) {
  Options options;
  ASSERT_OK(Parse({}, options));
  ASSERT_OK(Parse({"--pack-size=64MiB", "--reserve=0"}, options));
  EXPECT_EQ(options.repository.pack_bytes, uint64_t{64} << 20);
  EXPECT_EQ(options.repository.reserve_bytes, 0u);
}

TEST(ChunkStorageOptionsTest, RefusesWhatIsOutOfRange) {
  for (const char* flag : {"--pack-size=1KiB", "--read-window=0",
                           "--touch-memory=1", "--database-ballast=1GiB"}) {
    Options options;
    EXPECT_THAT(Parse({flag}, options),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr(std::string(flag + 2, 8))))
        << flag;
  }
}

}  // namespace
}  // namespace cairn::chunk_storage

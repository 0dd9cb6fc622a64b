#include "common/rocks/zero_tail.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "common/io/posix_file_system.h"
#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;
using Which = ZeroTails::Which;

class ZeroTailTest : public testing::Test {
 protected:
  void Write(const std::string& name, const std::string& bytes) {
    std::ofstream(dir_.Join(name), std::ios::binary) << bytes;
  }
  std::string Read(const std::string& name) {
    std::ifstream file(dir_.Join(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  const TempDir dir_;
  PosixFileSystem files_;
  ZeroTails tails_{&files_, dir_.path()};
};

const std::string kZeros(3'000'000, '\0');

TEST_F(ZeroTailTest, CutsTheNewestLogAtASector) {
  const std::string text(700, 'x');
  const std::string manifest = std::string(512, 'm') + std::string(512, '\0');
  Write("000009.log", text + kZeros);
  Write("000010.log", text + kZeros);
  Write("MANIFEST-000004", manifest);
  EXPECT_THAT(tails_.Cut(Which::kLog), IsOkAndHolds(true));
  EXPECT_EQ(Read("000010.log"), text + std::string(1024 - 700, '\0'));
  EXPECT_EQ(Read("000009.log"), text + kZeros);
  EXPECT_EQ(Read("MANIFEST-000004"), manifest);
  EXPECT_EQ(tails_.Describe(), "000010.log from 3000700 to 1024 bytes");
}

TEST_F(ZeroTailTest, CutsBothAndKeepsThem) {
  Write("000010.log", std::string(700, 'x') + kZeros);
  Write("MANIFEST-000004", std::string(512, 'm') + std::string(512, '\0'));
  EXPECT_THAT(tails_.Cut(Which::kLog), IsOkAndHolds(true));
  EXPECT_THAT(tails_.Cut(Which::kManifest), IsOkAndHolds(true));
  EXPECT_OK(tails_.Keep());
  EXPECT_OK(tails_.Restore());
  EXPECT_EQ(Read("000010.log").size(), 1024u);
  EXPECT_EQ(Read("MANIFEST-000004"), std::string(512, 'm'));
  EXPECT_THAT(*files_.List(dir_.path()),
              UnorderedElementsAre("000010.log", "MANIFEST-000004"));
}

TEST_F(ZeroTailTest, GivesBackWhatItHasCut) {
  const std::string before = std::string(5000, 'y') + kZeros;
  Write("000010.log", before);
  EXPECT_THAT(tails_.Cut(Which::kLog), IsOkAndHolds(true));
  EXPECT_LT(Read("000010.log").size(), before.size());
  EXPECT_OK(tails_.Restore());
  EXPECT_TRUE(Read("000010.log") == before);
  EXPECT_THAT(*files_.List(dir_.path()), ElementsAre("000010.log"));
}

TEST_F(ZeroTailTest, CutsLessThanASectorBehindTheLastByte) {
  const std::string text(600, 'z');
  for (const size_t zeros : {8, 423, 900}) {
    Write("000010.log", text + std::string(zeros, '\0'));
    EXPECT_THAT(tails_.Cut(Which::kLog), IsOkAndHolds(true));
    EXPECT_EQ(Read("000010.log"), text);
    EXPECT_OK(tails_.Restore());
  }
}

TEST_F(ZeroTailTest, LeavesAFewZerosAlone) {
  const std::string text = std::string(600, 'z') + std::string(7, '\0');
  Write("000010.log", text);
  EXPECT_THAT(tails_.Cut(Which::kLog), IsOkAndHolds(false));
  EXPECT_EQ(Read("000010.log"), text);
}

TEST_F(ZeroTailTest, CutsAFileOfZerosToNothing) {
  Write("000010.log", kZeros);
  EXPECT_THAT(tails_.Cut(Which::kLog), IsOkAndHolds(true));
  EXPECT_EQ(Read("000010.log"), "");
}

TEST_F(ZeroTailTest, HasNothingToCutInAnEmptyDirectory) {
  EXPECT_THAT(tails_.Cut(Which::kLog), IsOkAndHolds(false));
  EXPECT_THAT(tails_.Cut(Which::kManifest), IsOkAndHolds(false));
}

// At each of the moments at which the process may have been killed.
TEST_F(ZeroTailTest, PutsBackWhatAKillHasLeft) {
  Write("000010.log", "x");
  Write("000010.log.shorter", "");
  EXPECT_OK(tails_.Restore());
  EXPECT_EQ(Read("000010.log"), "x");
  std::filesystem::rename(dir_.Join("000010.log"),
                          dir_.Join("000010.log.uncut"));
  Write("000010.log.shorter", "");
  EXPECT_OK(tails_.Restore());
  EXPECT_EQ(Read("000010.log"), "x");
  Write("MANIFEST-000004", "");
  Write("MANIFEST-000004.uncut", "m");
  EXPECT_OK(tails_.Restore());
  EXPECT_EQ(Read("MANIFEST-000004"), "m");
  EXPECT_THAT(*files_.List(dir_.path()),
              UnorderedElementsAre("000010.log", "MANIFEST-000004"));
}

}  // namespace
}  // namespace cairn

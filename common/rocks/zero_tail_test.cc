#include "common/rocks/zero_tail.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "common/io/posix_file_system.h"
#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

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

TEST_F(ZeroTailTest, CutsTheNewestLogAndManifestAtASector) {
  const std::string text(700, 'x');
  Write("000009.log", text + kZeros);
  Write("000010.log", text + kZeros);
  Write("MANIFEST-000004", std::string(512, 'm') + std::string(512, '\0'));
  EXPECT_THAT(tails_.Cut(), IsOkAndHolds(true));
  EXPECT_EQ(Read("000010.log"), text + std::string(1024 - 700, '\0'));
  EXPECT_EQ(Read("000009.log"), text + kZeros);
  EXPECT_EQ(Read("MANIFEST-000004"), std::string(512, 'm'));
  EXPECT_EQ(tails_.Describe(),
            "000010.log from 3000700 to 1024 bytes, "
            "MANIFEST-000004 from 1024 to 512 bytes");
}

TEST_F(ZeroTailTest, GivesBackWhatItHasCut) {
  const std::string before = std::string(5000, 'y') + kZeros;
  Write("000010.log", before);
  EXPECT_THAT(tails_.Cut(), IsOkAndHolds(true));
  EXPECT_LT(Read("000010.log").size(), before.size());
  EXPECT_OK(tails_.Undo());
  EXPECT_TRUE(Read("000010.log") == before);
}

TEST_F(ZeroTailTest, LeavesLessThanASectorAlone) {
  const std::string text = std::string(600, 'z') + std::string(900, '\0');
  Write("000010.log", text);
  EXPECT_THAT(tails_.Cut(), IsOkAndHolds(false));
  EXPECT_EQ(Read("000010.log"), text);
}

TEST_F(ZeroTailTest, CutsAFileOfZerosToNothing) {
  Write("000010.log", kZeros);
  EXPECT_THAT(tails_.Cut(), IsOkAndHolds(true));
  EXPECT_EQ(Read("000010.log"), "");
}

TEST_F(ZeroTailTest, RemovesWhatAKillHasLeft) {
  Write("000010.log", "x");
  Write("000010.log.shorter", "x");
  EXPECT_THAT(tails_.Cut(), IsOkAndHolds(false));
  EXPECT_FALSE(std::filesystem::exists(dir_.Join("000010.log.shorter")));
}

}  // namespace
}  // namespace cairn

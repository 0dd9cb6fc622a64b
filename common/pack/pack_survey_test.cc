#include "common/pack/pack_survey.h"

#include <algorithm>
#include <random>
#include <string>

#include "common/pack/test_pack.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

const Uuid kPack = {{0xaa, 1}};
const Uuid kDatastore = {{0xdd, 9}};

PackSurvey Survey(const std::string& bytes, SurveyDepth depth) {
  const auto survey = SurveyPack(
      kPack, bytes.size(),
      [&](uint64_t offset, size_t length) -> absl::StatusOr<std::string> {
        return offset < bytes.size() ? bytes.substr(offset, length) : "";
      },
      depth);
  EXPECT_OK(survey);
  return survey.value_or(PackSurvey());
}

class PackSurveyTest : public ::testing::Test {
 protected:
  PackSurveyTest() {
    for (int i = 0; i < 4; ++i) {
      pack_.Add(RecordKind::kPage, std::string(500 + i, 'p'));
    }
  }
  TestPack pack_{kPack, kDatastore, PackClass::kMetadata};
};

TEST_F(PackSurveyTest, BelievesAFooter) {
  pack_.AddFooter();
  pack_.FlipPayload(1);
  const PackSurvey survey = Survey(pack_.bytes(), SurveyDepth::kFooter);
  EXPECT_TRUE(survey.has_footer);
  EXPECT_FALSE(survey.proved);
  EXPECT_EQ(survey.records, pack_.entries());
  EXPECT_TRUE(survey.damaged.empty());
  EXPECT_EQ(survey.header->datastore, kDatastore);
}

TEST_F(PackSurveyTest, ScansAPackWithoutAFooter) {
  pack_.FlipPayload(1);
  const PackSurvey survey = Survey(pack_.bytes(), SurveyDepth::kFooter);
  EXPECT_FALSE(survey.has_footer);
  EXPECT_TRUE(survey.proved);
  EXPECT_EQ(survey.records.size(), 3u);
  ASSERT_EQ(survey.damaged.size(), 1u);
  EXPECT_EQ(survey.damaged[0], pack_.entries()[1]);
  EXPECT_EQ(survey.damaged_bytes, RecordExtent(501));
  EXPECT_EQ(survey.unnamed_bytes, 0u);
}

TEST_F(PackSurveyTest, TheFooterNamesWhatHasLostItsHeader) {
  pack_.AddFooter();
  pack_.FlipHeader(0);
  pack_.FlipPayload(2);
  const PackSurvey survey = Survey(pack_.bytes(), SurveyDepth::kPayloads);
  EXPECT_TRUE(survey.proved);
  EXPECT_EQ(survey.records.size(), 2u);
  ASSERT_EQ(survey.damaged.size(), 2u);
  EXPECT_EQ(survey.damaged[0], pack_.entries()[0]);
  EXPECT_EQ(survey.damaged[1], pack_.entries()[2]);
}

TEST_F(PackSurveyTest, NamesNothingThatNobodyNames) {
  pack_.FlipHeader(0);
  const PackSurvey survey = Survey(pack_.bytes(), SurveyDepth::kPayloads);
  EXPECT_EQ(survey.records.size(), 3u);
  EXPECT_TRUE(survey.damaged.empty());
  EXPECT_EQ(survey.damaged_bytes, RecordExtent(500));
  EXPECT_EQ(survey.unnamed_bytes, RecordExtent(500));
}

// Each record is either proved or named as damaged while the footer holds,
// and nothing that proves is anything else than what was written.
TEST_F(PackSurveyTest, RandomFlipsNeverMakeARecord) {
  pack_.AddFooter();
  const std::string whole = pack_.bytes();
  std::mt19937_64 random(TestSeed());
  for (int round = 0; round < 300; ++round) {
    std::string bytes = whole;
    for (uint64_t flips = 1 + random() % 5; flips > 0; --flips) {
      bytes[random() % bytes.size()] ^= static_cast<char>(1 << random() % 8);
    }
    if (random() % 4 == 0) bytes.resize(random() % bytes.size());
    const PackSurvey survey = Survey(bytes, SurveyDepth::kPayloads);
    for (const PackEntry& entry : survey.records) {
      EXPECT_NE(
          std::find(pack_.entries().begin(), pack_.entries().end(), entry),
          pack_.entries().end());
    }
    if (survey.has_footer) {
      EXPECT_EQ(survey.records.size() + survey.damaged.size(), 4u);
    }
  }
}

}  // namespace
}  // namespace cairn

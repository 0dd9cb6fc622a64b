#include "common/io/format_file.h"

#include <string>

#include "common/io/checked_text.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

FormatFile SomeFormat() {
  return {.uuid = Uuid::Parse("01234567-89ab-4def-8123-456789abcdef").value(),
          .service = "index",
          .version = 2,
          .features = {.compatible = {"hints"},
                       .read_only_compatible = {"counters", "marks"},
                       .incompatible = {"big-pages"}},
          .release = "1.2.0"};
}

FormatSupport SameSupport() {
  const FormatFile format = SomeFormat();
  return {.service = format.service,
          .version = format.version,
          .features = format.features,
          .release = "1.2.0"};
}

TEST(FormatFileTest, RoundTrips) {
  EXPECT_THAT(DecodeFormat(EncodeFormat(SomeFormat())),
              IsOkAndHolds(SomeFormat()));
  FormatFile plain = SomeFormat();
  plain.features = {};
  EXPECT_THAT(DecodeFormat(EncodeFormat(plain)), IsOkAndHolds(plain));
}

TEST(FormatFileTest, HasTheTextThatItAlwaysHad) {
  EXPECT_EQ(
      EncodeCheckedText(EncodeFormat(SomeFormat())),
      "compatible: hints\n"
      "incompatible: big-pages\n"
      "read_only_compatible: counters,marks\n"
      "release: 1.2.0\n"
      "service: index\n"
      "uuid: 01234567-89ab-4def-8123-456789abcdef\n"
      "version: 2\n"
      "checksum: "
      "b592499e09d7844a4403cb1bf2035c174589b2c5d28389bf58bd833125d7e865\n");
}

TEST(FormatFileTest, RefusesMissingAndGarbledFields) {
  const TextFields good = EncodeFormat(SomeFormat());
  for (const auto& [key, value] : good) {
    TextFields bad = good;
    bad.erase(key);
    EXPECT_THAT(DecodeFormat(bad),
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr(key)));
  }
  const std::pair<std::string, std::string> rows[] = {
      {"uuid", "x"},
      {"uuid", "00000000-0000-0000-0000-000000000000"},
      {"version", "0"},
      {"version", "-1"},
      {"version", "4294967296"},
      {"incompatible", "a b"},
      {"compatible", std::string(65, 'a')},
  };
  for (const auto& [key, value] : rows) {
    TextFields bad = good;
    bad[key] = value;
    EXPECT_THAT(DecodeFormat(bad),
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr(key)))
        << value;
  }
}

TEST(FormatFileTest, PassesOverFieldsOfNewerVersions) {
  TextFields fields = EncodeFormat(SomeFormat());
  fields["more"] = "x";
  EXPECT_THAT(DecodeFormat(fields), IsOkAndHolds(SomeFormat()));
}

TEST(CheckFormatTest, TakesWhatItKnows) {
  EXPECT_OK(CheckFormat(SomeFormat(), SameSupport(), false));
  FormatSupport newer = SameSupport();
  newer.version = 3;
  newer.features.incompatible.insert("more");
  EXPECT_OK(CheckFormat(SomeFormat(), newer, false));
}

TEST(CheckFormatTest, RefusesAnotherService) {
  FormatSupport other = SameSupport();
  other.service = "chunk_storage";
  EXPECT_THAT(CheckFormat(SomeFormat(), other, false),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("index"), HasSubstr("chunk_storage"))));
}

TEST(CheckFormatTest, SaysWhichReleaseReadsANewerVersion) {
  FormatSupport older = SameSupport();
  older.version = 1;
  older.release = "1.1.0";
  for (const bool read_only : {false, true}) {
    EXPECT_THAT(
        CheckFormat(SomeFormat(), older, read_only),
        StatusIs(absl::StatusCode::kFailedPrecondition,
                 "data needs format version 2, which release 1.1.0 does not "
                 "have; start release 1.2.0 or a newer one"));
  }
}

TEST(CheckFormatTest, UnknownFeatures) {
  FormatSupport support = SameSupport();
  support.features.compatible.clear();
  EXPECT_OK(CheckFormat(SomeFormat(), support, false));
  support.features.read_only_compatible = {"marks"};
  EXPECT_OK(CheckFormat(SomeFormat(), support, true));
  EXPECT_THAT(
      CheckFormat(SomeFormat(), support, false),
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("counters")));
  support = SameSupport();
  support.features.incompatible.clear();
  for (const bool read_only : {false, true}) {
    EXPECT_THAT(CheckFormat(SomeFormat(), support, read_only),
                StatusIs(absl::StatusCode::kFailedPrecondition,
                         AllOf(HasSubstr("big-pages"), HasSubstr("1.2.0"))));
  }
}

}  // namespace
}  // namespace cairn

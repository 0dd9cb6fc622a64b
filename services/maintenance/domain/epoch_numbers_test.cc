#include "services/maintenance/domain/epoch_numbers.h"

#include <limits>

#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace cairn::maintenance {
namespace {

DatastoreRef Ref(uint64_t generation) {
  DatastoreRef ref;
  ref.uuid.bytes[0] = 7;
  ref.generation = generation;
  return ref;
}

TEST(AdoptNumbersTest, StartsAboveEverythingSeen) {
  ASSERT_OK_AND_ASSIGN(const EpochNumbers fresh,
                       AdoptNumbers(std::nullopt, {.datastore = Ref(1)}));
  EXPECT_EQ(fresh, (EpochNumbers{.datastore = Ref(1), .epoch = 1, .token = 1}));

  ASSERT_OK_AND_ASSIGN(
      const EpochNumbers lost,
      AdoptNumbers(std::nullopt,
                   {.datastore = Ref(1), .epoch = 9, .token = 4, .fence = 8}));
  EXPECT_EQ(lost, (EpochNumbers{.datastore = Ref(1),
                                .epoch = 10,
                                .token = 5,
                                .cut = 8,
                                .expired_epoch = 9}));
}

TEST(AdoptNumbersTest, AFenceCountsAsASeenEpoch) {
  ASSERT_OK_AND_ASSIGN(
      const EpochNumbers numbers,
      AdoptNumbers(std::nullopt,
                   {.datastore = Ref(1), .epoch = 3, .fence = 8}));
  EXPECT_EQ(numbers.epoch, 9u);
}

TEST(AdoptNumbersTest, GoesOnWhereItWasAfterAnOrdinaryRestart) {
  const EpochNumbers known{.datastore = Ref(1),
                           .epoch = 5,
                           .token = 6,
                           .cut = 4,
                           .expired_epoch = 3};
  ASSERT_OK_AND_ASSIGN(
      const EpochNumbers next,
      AdoptNumbers(known,
                   {.datastore = Ref(1), .epoch = 5, .token = 6, .fence = 4}));
  EXPECT_EQ(next, known);
}

TEST(AdoptNumbersTest, RestoredNumbersJumpAboveWhatOthersHaveSeen) {
  const EpochNumbers known{
      .datastore = Ref(1), .epoch = 5, .token = 6, .cut = 4};
  ASSERT_OK_AND_ASSIGN(
      const EpochNumbers by_epoch,
      AdoptNumbers(known,
                   {.datastore = Ref(1), .epoch = 8, .token = 6, .fence = 7}));
  EXPECT_EQ(by_epoch.epoch, 9u);
  EXPECT_EQ(by_epoch.token, 7u);
  EXPECT_EQ(by_epoch.cut, 7u);
  ASSERT_OK_AND_ASSIGN(
      const EpochNumbers by_token,
      AdoptNumbers(known,
                   {.datastore = Ref(1), .epoch = 5, .token = 9, .fence = 4}));
  EXPECT_EQ(by_token.epoch, 6u);
  EXPECT_EQ(by_token.token, 10u);
}

TEST(AdoptNumbersTest, AnotherLifeOfTheIndexTakesNewNumbers) {
  const EpochNumbers known{
      .datastore = Ref(1), .epoch = 5, .token = 6, .cut = 4};
  ASSERT_OK_AND_ASSIGN(const EpochNumbers next,
                       AdoptNumbers(known, {.datastore = Ref(2)}));
  EXPECT_EQ(next, (EpochNumbers{.datastore = Ref(2),
                                .epoch = 6,
                                .token = 7,
                                .cut = 4,
                                .expired_epoch = 5}));
}

TEST(AdoptNumbersTest, RefusesNumbersThatWouldWrap) {
  const uint64_t top = std::numeric_limits<uint64_t>::max();
  for (const SeenNumbers& seen :
       {SeenNumbers{.epoch = top}, SeenNumbers{.token = top},
        SeenNumbers{.fence = top}}) {
    EXPECT_THAT(AdoptNumbers(std::nullopt, seen),
                StatusIs(absl::StatusCode::kFailedPrecondition));
  }
}

TEST(AdvanceNumbersTest, CountsAndNeverCutsBack) {
  const EpochNumbers numbers{
      .datastore = Ref(1), .epoch = 5, .token = 6, .cut = 4};
  EXPECT_EQ(
      AdvanceNumbers(numbers, 6),
      (EpochNumbers{.datastore = Ref(1), .epoch = 6, .token = 7, .cut = 6}));
  EXPECT_EQ(AdvanceNumbers(numbers, 2).cut, 4u);
}

}  // namespace
}  // namespace cairn::maintenance

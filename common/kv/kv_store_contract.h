#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/random/distributions.h"
#include "absl/strings/str_cat.h"
#include "common/kv/kv_store.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// What every KvStore does. An implementation instantiates KvStoreContract
// with a factory that opens a store with three empty tables.
namespace cairn {

struct KvStoreFactory {
  std::string name;
  std::function<std::unique_ptr<KvStore>()> open;
};

class KvStoreContract : public ::testing::TestWithParam<KvStoreFactory> {
 protected:
  KvStoreContract() : store_(GetParam().open()) {}

  static std::vector<std::pair<std::string, std::string>> All(
      const KvView& view, KvTable table, std::string_view lower,
      std::string_view upper) {
    std::vector<std::pair<std::string, std::string>> entries;
    const auto cursor = view.Scan(table, lower, upper);
    for (; cursor->Valid(); cursor->Next()) {
      entries.emplace_back(cursor->key(), cursor->value());
    }
    EXPECT_THAT(cursor->status(), IsOk());
    return entries;
  }

  std::unique_ptr<KvStore> store_;
};

TEST_P(KvStoreContract, ReadsWhatWasCommitted) {
  KvBatch batch;
  batch.Put(0, "k", "v");
  batch.Put(1, "k", std::string("\0x", 2));
  ASSERT_THAT(store_->Commit(batch, Durability::kBuffered), IsOk());
  EXPECT_THAT(store_->Get(0, "k"), IsOkAndHolds(std::optional("v")));
  EXPECT_THAT(store_->Get(1, "k"),
              IsOkAndHolds(std::optional(std::string("\0x", 2))));
  EXPECT_THAT(store_->Get(2, "k"), IsOkAndHolds(std::nullopt));
}

TEST_P(KvStoreContract, TheLastChangeOfAKeyInABatchWins) {
  KvBatch batch;
  batch.Put(0, "a", "1");
  batch.Remove(0, "a");
  batch.Put(0, "b", "1");
  batch.Put(0, "b", "2");
  ASSERT_THAT(store_->Commit(batch, Durability::kSynced), IsOk());
  EXPECT_THAT(store_->Get(0, "a"), IsOkAndHolds(std::nullopt));
  EXPECT_THAT(store_->Get(0, "b"), IsOkAndHolds(std::optional("2")));
}

TEST_P(KvStoreContract, RemovingAnAbsentKeyIsFine) {
  KvBatch batch;
  batch.Remove(0, "never");
  EXPECT_THAT(store_->Commit(batch, Durability::kBuffered), IsOk());
}

TEST_P(KvStoreContract, MultiGetAnswersInOrder) {
  KvBatch batch;
  batch.Put(0, "a", "1");
  batch.Put(0, "c", "3");
  ASSERT_THAT(store_->Commit(batch, Durability::kBuffered), IsOk());
  const std::vector<std::string> keys = {"c", "b", "a", "c"};
  EXPECT_THAT(store_->MultiGet(0, keys),
              IsOkAndHolds(::testing::ElementsAre(
                  std::optional("3"), std::nullopt, std::optional("1"),
                  std::optional("3"))));
  EXPECT_THAT(store_->MultiGet(0, std::vector<std::string>(4097, "a")),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_P(KvStoreContract, ScansInByteOrderWithinBounds) {
  KvBatch batch;
  for (const char* key : {"b", "a", "c\xff", "c", "\xff"}) {
    batch.Put(0, key, "v");
  }
  ASSERT_THAT(store_->Commit(batch, Durability::kBuffered), IsOk());
  const auto view = store_->NewView();
  using ::testing::ElementsAre;
  using ::testing::Pair;
  EXPECT_THAT(All(*view, 0, "", ""),
              ElementsAre(Pair("a", "v"), Pair("b", "v"), Pair("c", "v"),
                          Pair("c\xff", "v"), Pair("\xff", "v")));
  EXPECT_THAT(All(*view, 0, "b", "c"), ElementsAre(Pair("b", "v")));
  EXPECT_THAT(All(*view, 0, "c", PrefixEnd("c")),
              ElementsAre(Pair("c", "v"), Pair("c\xff", "v")));
  EXPECT_THAT(All(*view, 0, "c", "a"), ElementsAre());
  EXPECT_THAT(All(*view, 1, "", ""), ElementsAre());
}

TEST_P(KvStoreContract, AViewDoesNotSeeLaterCommits) {
  KvBatch first;
  first.Put(0, "a", "old");
  ASSERT_THAT(store_->Commit(first, Durability::kBuffered), IsOk());
  const auto view = store_->NewView();
  KvBatch second;
  second.Put(0, "a", "new");
  second.Put(0, "b", "new");
  ASSERT_THAT(store_->Commit(second, Durability::kBuffered), IsOk());
  EXPECT_THAT(view->Get(0, "a"), IsOkAndHolds(std::optional("old")));
  EXPECT_EQ(All(*view, 0, "", "").size(), 1u);
  EXPECT_THAT(store_->Get(0, "a"), IsOkAndHolds(std::optional("new")));
}

TEST_P(KvStoreContract, ABatchForAnUnknownTableHasNoEffect) {
  KvBatch batch;
  batch.Put(0, "a", "1");
  batch.Put(99, "a", "1");
  EXPECT_FALSE(store_->Commit(batch, Durability::kBuffered).ok());
  EXPECT_THAT(store_->Get(0, "a"), IsOkAndHolds(std::nullopt));
}

TEST_P(KvStoreContract, AnEmptyBatchIsFine) {
  EXPECT_THAT(store_->Commit(KvBatch(), Durability::kBuffered), IsOk());
  EXPECT_THAT(store_->Commit(KvBatch(), Durability::kSynced), IsOk());
}

TEST_P(KvStoreContract, ReadingAnUnknownTableIsRefused) {
  const auto refused = StatusIs(absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(store_->Get(3, "a"), refused);
  EXPECT_THAT(store_->MultiGet(3, std::vector<std::string>{"a"}), refused);
  const auto view = store_->NewView();
  EXPECT_THAT(view->Get(3, "a"), refused);
  const auto cursor = view->Scan(3, "", "");
  EXPECT_FALSE(cursor->Valid());
  EXPECT_THAT(cursor->status(), refused);
}

TEST_P(KvStoreContract, ACursorOutlivesLaterCommitsAndItsView) {
  KvBatch first;
  first.Put(0, "a", "old");
  first.Put(0, "b", "old");
  ASSERT_THAT(store_->Commit(first, Durability::kBuffered), IsOk());
  auto view = store_->NewView();
  const auto cursor = view->Scan(0, "", "");
  KvBatch second;
  second.Remove(0, "a");
  second.Put(0, "b", "new");
  ASSERT_THAT(store_->Commit(second, Durability::kSynced), IsOk());
  view.reset();
  ASSERT_TRUE(cursor->Valid());
  EXPECT_EQ(cursor->value(), "old");
  cursor->Next();
  ASSERT_TRUE(cursor->Valid());
  EXPECT_EQ(cursor->key(), "b");
  EXPECT_EQ(cursor->value(), "old");
  cursor->Next();
  EXPECT_FALSE(cursor->Valid());
  EXPECT_THAT(cursor->status(), IsOk());
}

TEST(PrefixEndTest, Table) {
  EXPECT_EQ(PrefixEnd(""), "");
  EXPECT_EQ(PrefixEnd("a"), "b");
  EXPECT_EQ(PrefixEnd("ab"), "ac");
  EXPECT_EQ(PrefixEnd("a\xff"), "b");
  EXPECT_EQ(PrefixEnd("\xff\xff"), "");
  EXPECT_EQ(PrefixEnd(std::string("a\0", 2)), "a\x01");
}

TEST_P(KvStoreContract, AgreesWithAMapOverRandomOperations) {
  std::mt19937_64 random(TestSeed());
  std::map<std::string, std::string> model;
  for (int step = 0; step < 300; ++step) {
    KvBatch batch;
    for (int i = absl::Uniform(random, 0, 6); i > 0; --i) {
      const std::string key = absl::StrCat(absl::Uniform(random, 0, 40));
      if (absl::Bernoulli(random, 0.3)) {
        batch.Remove(2, key);
        model.erase(key);
      } else {
        const std::string value =
            absl::StrCat(absl::Uniform(random, 0, 1000000));
        batch.Put(2, key, value);
        model.insert_or_assign(key, value);
      }
    }
    ASSERT_THAT(store_->Commit(batch, absl::Bernoulli(random, 0.1)
                                          ? Durability::kSynced
                                          : Durability::kBuffered),
                IsOk());
  }
  EXPECT_THAT(All(*store_->NewView(), 2, "", ""),
              ::testing::ElementsAreArray(model.begin(), model.end()));
}

}  // namespace cairn

#include "common/wire/mark.h"

#include <string>

#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

MarkRun SomeRun() {
  MarkRun run = {.kind = RecordKind::kPage};
  run.domain.bytes[3] = 7;
  run.marks = {{.prefix = 1, .holder = MarkHolder::kTrash},
               {.prefix = 0x0102030405060708},
               {.prefix = ~uint64_t{0}, .holder = MarkHolder::kSession}};
  return run;
}

TEST(MarkWireTest, ARunComesBack) {
  const MarkRun run = SomeRun();
  const auto back = FromProto("run", ToProto(run));
  ASSERT_OK(back);
  EXPECT_EQ(back->kind, run.kind);
  EXPECT_EQ(back->domain, run.domain);
  EXPECT_EQ(back->marks, run.marks);
}

TEST(MarkWireTest, PrefixesAreBigEndianAndListedOnesNeedNoHolders) {
  MarkRun run = SomeRun();
  run.marks = {{.prefix = 0x0102030405060708}};
  const model::v1::MarkRun proto = ToProto(run);
  EXPECT_EQ(proto.prefixes(), "\1\2\3\4\5\6\7\10");
  EXPECT_EQ(proto.holders(), "");
}

TEST(MarkWireTest, WhatIsOutOfBoundsIsRefused) {
  const auto refused = [](auto change) {
    model::v1::MarkRun proto = ToProto(SomeRun());
    change(proto);
    return absl::IsInvalidArgument(FromProto("run", proto).status());
  };
  using Proto = model::v1::MarkRun;
  EXPECT_TRUE(refused([](Proto& run) { run.set_kind(0); }));
  EXPECT_TRUE(refused([](Proto& run) { run.set_kind(4); }));
  EXPECT_TRUE(refused([](Proto& run) { run.set_domain("short"); }));
  EXPECT_TRUE(refused([](Proto& run) { run.clear_prefixes(); }));
  EXPECT_TRUE(refused([](Proto& run) { run.mutable_prefixes()->pop_back(); }));
  EXPECT_TRUE(refused([](Proto& run) {
    run.set_prefixes(std::string(8 * (kMaxMarksPerRun + 1), 'a'));
  }));
  EXPECT_TRUE(refused([](Proto& run) { run.set_holders("\1"); }));
  EXPECT_TRUE(refused([](Proto& run) { run.set_holders("\1\4\1"); }));
}

}  // namespace
}  // namespace cairn

#include "services/maintenance/domain/lease_rules.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn::maintenance {
namespace {

using ::testing::HasSubstr;

constexpr char kGroup[] = "datastores/main/groups/host/web1";
constexpr char kSnapshot[] =
    "datastores/main/groups/host/web1/snapshots/2026-11-21T20:39:45Z";

Lease ValidLease() {
  Lease lease;
  lease.id.bytes[0] = 1;
  lease.datastore = "main";
  lease.claims = {{kGroup, LeaseMode::kExclusive},
                  {kSnapshot, LeaseMode::kShared}};
  lease.holder = "ingest-1 for root@unix";
  lease.ttl = absl::Seconds(60);
  return lease;
}

TEST(ClassifyResourceTest, KnowsTheFourKinds) {
  EXPECT_THAT(ClassifyResource("datastores/main", "main"),
              IsOkAndHolds(ResourceKind::kDatastore));
  EXPECT_THAT(ClassifyResource("datastores/main/sweep", "main"),
              IsOkAndHolds(ResourceKind::kSweep));
  EXPECT_THAT(ClassifyResource(kGroup, "main"),
              IsOkAndHolds(ResourceKind::kGroup));
  EXPECT_THAT(ClassifyResource(kSnapshot, "main"),
              IsOkAndHolds(ResourceKind::kSnapshot));
  EXPECT_THAT(
      ClassifyResource("datastores/main/namespaces/a/namespaces/b/groups/vm/1",
                       "main"),
      IsOkAndHolds(ResourceKind::kGroup));
}

TEST(ClassifyResourceTest, RefusesHostileNames) {
  const std::vector<std::string> names = {
      "",
      "/",
      "datastores/",
      "datastores/other",
      "datastores/other/sweep",
      "datastores/main/",
      "datastores/main/sweep/",
      "datastores/main/sweep/x",
      "datastores/main/namespaces/a",
      "datastores/main/../other",
      "datastores/main/groups/host/..",
      "datastores/main/groups/disk/web1",
      "datastores/other/groups/host/web1",
      absl::StrCat(kGroup, "/"),
      absl::StrCat(kSnapshot, "/archives/root.img"),
      "datastores/main/groups/host/web1/snapshots/2026-11-21T20:39:45+00:00",
      std::string("datastores/main\0", 16),
      std::string(1 << 20, 'a'),
      absl::StrCat("datastores/main/groups/host/", std::string(5000, 'x')),
      "datastores/main/groups/host/\xff\xfe",
      "datastores/main/sessions/00000000-0000-4000-8000-000000000001",
  };
  for (const std::string& name : names) {
    const absl::Status status = ClassifyResource(name, "main").status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument)) << name;
    EXPECT_LT(status.message().size(), 600u);
  }
}

TEST(ValidateLeaseTest, AcceptsAGoodLease) {
  EXPECT_THAT(ValidateLease(ValidLease()), IsOk());
}

struct BadLease {
  std::string why;
  void (*spoil)(Lease&);
};

TEST(ValidateLeaseTest, NamesWhatIsWrong) {
  const std::vector<BadLease> rows = {
      {"all zero", [](Lease& l) { l.id = Uuid{}; }},
      {"datastore", [](Lease& l) { l.datastore = "a/b"; }},
      {"0 claims", [](Lease& l) { l.claims.clear(); }},
      {"17 claims", [](Lease& l) { l.claims.resize(17, l.claims.front()); }},
      {"claims[1]", [](Lease& l) { l.claims[1].resource = "datastores/x"; }},
      {"mode is 0",
       [](Lease& l) { l.claims[0].mode = static_cast<LeaseMode>(0); }},
      {"claimed twice", [](Lease& l) { l.claims[1] = l.claims[0]; }},
      {"257 bytes", [](Lease& l) { l.holder = std::string(257, 'x'); }},
      {"printable", [](Lease& l) { l.holder = "a\nb"; }},
      {"printable", [](Lease& l) { l.holder = std::string("a\0b", 3); }},
      {"printable", [](Lease& l) { l.holder = "\xc0\xaf"; }},
      {"printable", [](Lease& l) { l.holder = "\xed\xa0\x80"; }},
      {"printable", [](Lease& l) { l.holder = "\xf4\x90\x80\x80"; }},
      {"printable", [](Lease& l) { l.holder = "\xe2\x82"; }},
      {"printable", [](Lease& l) { l.holder = "\x7f"; }},
      {"purpose is 77",
       [](Lease& l) { l.purpose = static_cast<LeasePurpose>(77); }},
      {"ttl", [](Lease& l) { l.ttl = absl::Milliseconds(999); }},
      {"ttl", [](Lease& l) { l.ttl = absl::Hours(24) + absl::Seconds(1); }},
      {"ttl", [](Lease& l) { l.ttl = -absl::InfiniteDuration(); }},
      {"ttl", [](Lease& l) { l.ttl = absl::InfiniteDuration(); }},
  };
  for (const BadLease& row : rows) {
    Lease lease = ValidLease();
    row.spoil(lease);
    EXPECT_THAT(
        ValidateLease(lease),
        StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(row.why)));
  }
}

TEST(ValidateLeaseTest, AcceptsTheBounds) {
  Lease lease = ValidLease();
  lease.holder = "";
  lease.ttl = kMinLeaseTtl;
  EXPECT_THAT(ValidateLease(lease), IsOk());
  lease.holder = std::string(256, 'x');
  lease.ttl = kMaxLeaseTtl;
  EXPECT_THAT(ValidateLease(lease), IsOk());
  lease.holder = "j\xc3\xbcrgen \xe2\x82\xac \xf0\x9f\x98\x80";
  lease.claims.clear();
  for (int i = 0; i < 16; ++i) {
    lease.claims.push_back(
        {absl::StrCat("datastores/main/groups/vm/", i), LeaseMode::kShared});
  }
  EXPECT_THAT(ValidateLease(lease), IsOk());
}

TEST(EffectiveClaimsTest, AnyClaimImpliesSharedOnTheDatastore) {
  Lease lease = ValidLease();
  EXPECT_THAT(
      EffectiveClaims(lease),
      ::testing::Contains(LeaseClaim{"datastores/main", LeaseMode::kShared}));
  EXPECT_FALSE(TakesDatastore(lease));
  lease.claims = {{"datastores/main", LeaseMode::kExclusive}};
  EXPECT_EQ(EffectiveClaims(lease), lease.claims);
  EXPECT_TRUE(TakesDatastore(lease));
}

TEST(ReadSnapshotsTest, OnlyReadersRestOnTheirSnapshots) {
  Lease lease = ValidLease();
  lease.purpose = LeasePurpose::kBackup;
  EXPECT_TRUE(ReadSnapshots(lease).empty());
  lease.purpose = LeasePurpose::kRestore;
  ASSERT_EQ(ReadSnapshots(lease).size(), 1u);
  EXPECT_EQ(ReadSnapshots(lease)[0].ToString(), kSnapshot);
}

TEST(SameClaimsTest, OrderDoesNotMatterModesDo) {
  const Lease a = ValidLease();
  Lease b = a;
  std::swap(b.claims[0], b.claims[1]);
  EXPECT_TRUE(SameClaims(a, b));
  b.claims[0].mode = LeaseMode::kExclusive;
  EXPECT_FALSE(SameClaims(a, b));
  b.claims.pop_back();
  EXPECT_FALSE(SameClaims(a, b));
}

}  // namespace
}  // namespace cairn::maintenance

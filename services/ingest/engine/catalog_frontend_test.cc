#include "services/ingest/engine/catalog_frontend.h"

#include <random>

#include "common/status/reason.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "services/ingest/engine/ingest_harness.h"

namespace cairn::ingest {
namespace {

using absl::StatusCode;

class CatalogFrontendTest : public testing::Test {
 protected:
  CatalogFrontendTest() : harness_(TestSeed()) {}

  CatalogFrontend& catalog() { return harness_.replica().catalog(); }
  absl::StatusOr<Snapshot> SetProtected(const Call& call,
                                        const SnapshotName& name, bool value) {
    UpdateSnapshotChange change{.name = name};
    change.is_protected = value;
    return catalog().UpdateSnapshot(call, change);
  }

  IngestHarness harness_;
  const Call owner_{
      .caller = {CallerKind::kTls, CallerRole::kClient, "web1@tls"}};
};

TEST_F(CatalogFrontendTest, AClientSetsProtectionAndDoesNotTakeItOff) {
  ASSERT_OK_AND_ASSIGN(const Session session,
                       harness_.OpenSession(owner_, "web1"));
  {
    ASSERT_OK_AND_ASSIGN(OpenedStream opened,
                         OpenStream(harness_, session, "a"));
    ASSERT_OK(opened.writer().End(0));
  }
  ASSERT_OK_AND_ASSIGN(const Snapshot snapshot,
                       harness_.Finish(session, {{"a", 0}}));
  ASSERT_OK_AND_ASSIGN(Snapshot changed,
                       SetProtected(owner_, snapshot.name, true));
  EXPECT_TRUE(changed.is_protected);
  EXPECT_THAT(SetProtected(owner_, snapshot.name, false),
              StatusIs(StatusCode::kPermissionDenied));
  ASSERT_OK_AND_ASSIGN(changed, catalog().GetSnapshot(owner_, snapshot.name));
  EXPECT_TRUE(changed.is_protected);
  ASSERT_OK_AND_ASSIGN(changed,
                       SetProtected(harness_.admin(), snapshot.name, false));
  EXPECT_FALSE(changed.is_protected);
}

}  // namespace
}  // namespace cairn::ingest

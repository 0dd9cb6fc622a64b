#include "services/ingest/rpc/catalog_queries.h"

#include "cairn/ingest/v1/catalog_service.pb.h"
#include "common/model/catalog.h"
#include "common/testing/status_matchers.h"

namespace cairn::ingest {
namespace {

using absl::StatusCode;
using testing::HasSubstr;

constexpr char kGroup[] = "datastores/main/namespaces/a/groups/host/web1";

TEST(CatalogQueriesTest, ASnapshotListNamesAGroupOrWhatHoldsGroups) {
  v1::ListSnapshotsRequest request;
  request.set_parent(kGroup);
  ASSERT_OK_AND_ASSIGN(SnapshotQuery query, ReadQuery(request));
  ASSERT_TRUE(query.group.has_value());
  EXPECT_EQ(query.group->ToString(), kGroup);
  EXPECT_EQ(query.parent.ToString(), "datastores/main/namespaces/a");

  request.set_parent("datastores/main");
  request.set_max_depth(1000);
  ASSERT_OK_AND_ASSIGN(query, ReadQuery(request));
  EXPECT_FALSE(query.group.has_value());
  EXPECT_TRUE(query.parent.path.is_root());
  EXPECT_EQ(query.max_depth, static_cast<uint32_t>(kMaxNamespaceDepth));

  request.set_parent("../main");
  EXPECT_THAT(ReadQuery(request),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("parent")));
}

TEST(CatalogQueriesTest, BoundsOfTimeAreRoundedUpToTheSecond) {
  v1::ListSnapshotsRequest request;
  request.set_parent("datastores/main");
  request.mutable_filter()->mutable_not_before()->set_seconds(100);
  request.mutable_filter()->mutable_before()->set_seconds(200);
  request.mutable_filter()->mutable_before()->set_nanos(1);
  ASSERT_OK_AND_ASSIGN(const SnapshotQuery query, ReadQuery(request));
  EXPECT_EQ(query.not_before, 100);
  EXPECT_EQ(query.before, 201);
}

TEST(CatalogQueriesTest, AListIsOfTrashIfItIsAskedFor) {
  v1::ListSnapshotsRequest request;
  request.set_parent("datastores/main");
  ASSERT_OK_AND_ASSIGN(SnapshotQuery query, ReadQuery(request));
  EXPECT_FALSE(query.trash);
  request.mutable_filter()->set_trash(true);
  ASSERT_OK_AND_ASSIGN(query, ReadQuery(request));
  EXPECT_TRUE(query.trash);
}

TEST(CatalogQueriesTest, AForgetNamesSnapshotsAndMayTellTheirTime) {
  v1::ForgetSnapshotsRequest request;
  request.set_datastore("datastores/main");
  EXPECT_THAT(ReadChange(request),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("names")));
  request.add_names(std::string(kGroup) + "/snapshots/2026-01-02T03:04:05Z");
  ASSERT_OK_AND_ASSIGN(CatalogFrontend::ForgetRequest forget,
                       ReadChange(request));
  EXPECT_EQ(forget.datastore, "main");
  ASSERT_EQ(forget.names.size(), 1u);
  EXPECT_EQ(forget.names[0].ToString(), request.names(0));
  EXPECT_EQ(forget.trash_time, std::nullopt);
  request.mutable_trash_time();
  ASSERT_OK_AND_ASSIGN(forget, ReadChange(request));
  EXPECT_EQ(forget.trash_time, absl::ZeroDuration());
  request.mutable_trash_time()->set_seconds(-1);
  EXPECT_THAT(ReadChange(request),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("trash_time")));
  v1::UndeleteSnapshotsRequest undelete;
  undelete.set_datastore("main");
  EXPECT_THAT(ReadChange(undelete),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("datastore")));
}

TEST(CatalogQueriesTest, AnUpdateChangesWhatItsMaskNamesAndNothingElse) {
  v1::UpdateGroupRequest request;
  request.mutable_group()->set_name(kGroup);
  request.mutable_group()->set_notes("new");
  request.mutable_group()->set_owner("web1@tls");
  EXPECT_THAT(ReadChange(request), StatusIs(StatusCode::kInvalidArgument));
  request.mutable_update_mask()->add_paths("notes");
  ASSERT_OK_AND_ASSIGN(const UpdateGroupChange change, ReadChange(request));
  EXPECT_EQ(change.notes, "new");
  EXPECT_FALSE(change.owner.has_value());
  request.mutable_update_mask()->add_paths("create_time");
  EXPECT_THAT(ReadChange(request),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("create_time")));
}

TEST(CatalogQueriesTest, ProtectionIsChangedByItsOwnPath) {
  v1::UpdateSnapshotRequest request;
  request.mutable_snapshot()->set_name(std::string(kGroup) +
                                       "/snapshots/2026-11-21T20:39:45Z");
  request.mutable_update_mask()->add_paths("protected");
  ASSERT_OK_AND_ASSIGN(const UpdateSnapshotChange change, ReadChange(request));
  EXPECT_EQ(change.is_protected, false);
  EXPECT_FALSE(change.notes.has_value());
}

TEST(CatalogQueriesTest, ADatastoreNeedsAnIdOfItsRequest) {
  v1::CreateDatastoreRequest request;
  request.set_datastore_id("main");
  EXPECT_THAT(ReadChange(request),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("request_id")));
  request.set_request_id("0b8e6a52-6f1c-4b52-9c5e-5b1c2f3a4d5e");
  request.set_comment(std::string(kMaxCommentBytes + 1, 'x'));
  EXPECT_THAT(ReadChange(request),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("comment")));
}

}  // namespace
}  // namespace cairn::ingest

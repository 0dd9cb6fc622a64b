#include "services/ingest/rpc/authorization.h"

#include "cairn/ingest/v1/backup_service.pb.h"
#include "cairn/ingest/v1/catalog_service.pb.h"
#include "cairn/ingest/v1/restore_service.pb.h"
#include "common/rpc/authorization_table.h"
#include "common/testing/status_matchers.h"

namespace cairn::ingest {
namespace {

void ExpectComplete(const std::vector<AuthorizationRow>& rows,
                    const google::protobuf::FileDescriptor* file) {
  AuthorizationTable table;
  ASSERT_OK(table.Add(rows));
  ASSERT_EQ(file->service_count(), 1);
  EXPECT_THAT(table.MissingRows(*file->service(0)), testing::IsEmpty());
  EXPECT_THAT(table.StrayRows(*file->service(0)), testing::IsEmpty());
}

TEST(AuthorizationTest, EveryMethodHasItsRow) {
  ExpectComplete(BackupRows(),
                 v1::GetCapabilitiesRequest::descriptor()->file());
  ExpectComplete(RestoreRows(), v1::ReadArchiveRequest::descriptor()->file());
  ExpectComplete(CatalogRows(), v1::ListGroupsRequest::descriptor()->file());
}

TEST(AuthorizationTest, AClientNeitherAdministersNorSeesWhoHoldsWhat) {
  AuthorizationTable table;
  ASSERT_OK(table.Add(CatalogRows()));
  for (const char* method : {"CreateDatastore", "CreateNamespace",
                             "DeleteNamespace", "ListLeases", "GetStatus"}) {
    const AuthorizationRow* const row =
        table.Find(std::string("cairn.ingest.v1.CatalogService/") + method);
    ASSERT_NE(row, nullptr) << method;
    EXPECT_FALSE(row->roles.Contains(CallerRole::kBackup)) << method;
    EXPECT_TRUE(row->roles.Contains(CallerRole::kAdmin)) << method;
  }
}

}  // namespace
}  // namespace cairn::ingest

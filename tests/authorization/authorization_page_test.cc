#include <google/protobuf/descriptor.h>

#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cairn/ingest/v1/backup_service.pb.h"
#include "cairn/ingest/v1/catalog_service.pb.h"
#include "cairn/ingest/v1/restore_service.pb.h"
#include "common/model/call.h"
#include "common/rpc/authorization_table.h"
#include "common/rpc/role_name.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/chunk_storage/rpc/chunk_storage_service.h"
#include "services/chunk_storage/rpc/sweep_service.h"
#include "services/index/rpc/index_service.h"
#include "services/index/rpc/sweep_service.h"
#include "services/ingest/rpc/authorization.h"
#include "services/maintenance/rpc/job_service.h"
#include "services/maintenance/rpc/maintenance_service.h"
#include "services/maintenance/rpc/task_service.h"
#include "services/maintenance/rpc/token_service.h"

// deploy/security/authorization.md is what people read of who may call what;
// here it is held to be what the services serve by.
namespace cairn {
namespace {

using ::testing::IsEmpty;

constexpr char kPage[] = "deploy/security/authorization.md";

constexpr CallerRole kRoles[] = {
    CallerRole::kReader,       CallerRole::kBackup,     CallerRole::kOperator,
    CallerRole::kAdmin,        CallerRole::kIngest,     CallerRole::kIndex,
    CallerRole::kChunkStorage, CallerRole::kMaintenance};

struct ServedService {
  std::string full_name;
  std::vector<AuthorizationRow> rows;
};

std::vector<ServedService> AllServices() {
  // The rows of ingest do not link the methods that they are about.
  EXPECT_NE(ingest::v1::GetSessionRequest::descriptor(), nullptr);
  EXPECT_NE(ingest::v1::ReadArchiveRequest::descriptor(), nullptr);
  EXPECT_NE(ingest::v1::ListGroupsRequest::descriptor(), nullptr);
  return {
      {"cairn.ingest.v1.BackupService", ingest::BackupRows()},
      {"cairn.ingest.v1.RestoreService", ingest::RestoreRows()},
      {"cairn.ingest.v1.CatalogService", ingest::CatalogRows()},
      {"cairn.maintenance.v1.TaskService",
       maintenance::TaskServiceImpl::Authorization()},
      {"cairn.maintenance.v1.JobService",
       maintenance::JobServiceImpl::Authorization()},
      {"cairn.maintenance.v1.TokenService",
       maintenance::TokenServiceImpl::Authorization()},
      {"cairn.maintenance.v1.MaintenanceService",
       maintenance::MaintenanceServiceImpl::Authorization()},
      {"cairn.index.v1.IndexService", index::IndexServiceImpl::Authorization()},
      {"cairn.index.v1.SweepService", index::SweepServiceImpl::Authorization()},
      {"cairn.chunk_storage.v1.ChunkStorageService",
       chunk_storage::ChunkStorageServiceImpl::Authorization()},
      {"cairn.chunk_storage.v1.SweepService",
       chunk_storage::SweepServiceImpl::Authorization()},
  };
}

std::string_view MethodName(const AuthorizationRow& row) {
  return std::string_view(row.method).substr(row.method.find('/') + 1);
}

std::string TableOf(const ServedService& service) {
  std::string text = absl::StrCat(
      "### ", service.full_name,
      "\n\n| method | who | within a scope |\n| --- | --- | --- |\n");
  for (const AuthorizationRow& row : service.rows) {
    std::vector<std::string_view> roles;
    for (const CallerRole role : kRoles) {
      if (row.roles.Contains(role)) roles.push_back(RoleName(role));
    }
    absl::StrAppend(&text, "| ", MethodName(row), " | ",
                    absl::StrJoin(roles, ", "), " | ", row.scope.ToString(),
                    " |\n");
  }
  return text;
}

TEST(AuthorizationPageTest, SaysWhatTheServicesServeBy) {
  std::ifstream file(kPage);
  const std::string page(std::istreambuf_iterator<char>(file), {});
  std::string tables;
  for (const ServedService& service : AllServices()) {
    const std::string table = TableOf(service);
    EXPECT_TRUE(absl::StrContains(page, absl::StrCat("\n", table)))
        << kPage << " has to say:\n"
        << table;
    absl::StrAppend(&tables, "\n", table);
  }
  // Nor has it a table of anything else.
  EXPECT_TRUE(absl::EndsWith(page, tables)) << kPage << " has other tables";
}

TEST(AuthorizationPageTest, EveryMethodHasItsRowAndItsScopeRule) {
  for (const ServedService& service : AllServices()) {
    const auto* const descriptor =
        google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(
            service.full_name);
    ASSERT_NE(descriptor, nullptr) << service.full_name;
    AuthorizationTable table;
    ASSERT_OK(table.Add(service.rows));
    EXPECT_THAT(table.MissingRows(*descriptor), IsEmpty());
    EXPECT_THAT(table.StrayRows(*descriptor), IsEmpty());
    EXPECT_OK(table.CheckScopeRules(*descriptor));
  }
}

TEST(AuthorizationPageTest, BackupsAndReadersDeleteNothing) {
  for (const ServedService& service : AllServices()) {
    for (const AuthorizationRow& row : service.rows) {
      const std::string_view method = MethodName(row);
      bool may_delete = absl::StrContains(row.method, "TaskService") ||
                        absl::StrContains(row.method, "JobService");
      for (const char* verb : {"Delete", "Forget", "Undelete", "Drop", "Sweep",
                               "Remove", "Revoke", "Advance", "Raise"}) {
        may_delete = may_delete || absl::StrContains(method, verb);
      }
      if (!may_delete) continue;
      EXPECT_FALSE(row.roles.Contains(CallerRole::kBackup)) << row.method;
      EXPECT_FALSE(row.roles.Contains(CallerRole::kReader)) << row.method;
    }
  }
}

TEST(AuthorizationPageTest, ServicesCallNothingThatPeopleDo) {
  for (const ServedService& service : AllServices()) {
    for (const AuthorizationRow& row : service.rows) {
      bool people = false;
      bool services = false;
      for (const CallerRole role : kRoles) {
        if (!row.roles.Contains(role) || role == CallerRole::kAdmin) continue;
        (IsServiceRole(role) ? services : people) = true;
      }
      EXPECT_FALSE(people && services) << row.method;
      // Index and chunk_storage call nobody.
      EXPECT_FALSE(row.roles.Contains(CallerRole::kIndex)) << row.method;
      EXPECT_FALSE(row.roles.Contains(CallerRole::kChunkStorage)) << row.method;
      EXPECT_TRUE(row.roles.Contains(CallerRole::kAdmin)) << row.method;
    }
  }
}

}  // namespace
}  // namespace cairn

#include "common/model/lease.h"

#include <string_view>

#include "gtest/gtest.h"

namespace cairn {
namespace {

TEST(LeasePurposeTest, NumbersNamesAndWriters) {
  const struct {
    LeasePurpose purpose;
    int number;
    std::string_view name;
    bool may_write;
  } rows[] = {
      {LeasePurpose::kBackup, 1, "backup", true},
      {LeasePurpose::kRestore, 2, "restore", false},
      {LeasePurpose::kSweep, 3, "sweep", false},
      {LeasePurpose::kVerify, 4, "verify", false},
      {LeasePurpose::kMaintenanceMode, 5, "maintenance-mode", false},
      {LeasePurpose::kSync, 6, "sync", true},
      {LeasePurpose::kUndelete, 7, "undelete", true},
      {LeasePurpose::kRepair, 8, "repair", true},
      {LeasePurpose::kRebuild, 9, "rebuild", true},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(static_cast<int>(row.purpose), row.number);
    EXPECT_EQ(LeasePurposeName(row.purpose), row.name);
    EXPECT_EQ(MayWrite(row.purpose), row.may_write) << row.name;
  }
  EXPECT_EQ(LeasePurposeName(static_cast<LeasePurpose>(77)), "unknown");
  EXPECT_FALSE(MayWrite(static_cast<LeasePurpose>(77)));
}

}  // namespace
}  // namespace cairn

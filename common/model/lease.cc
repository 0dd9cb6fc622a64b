#include "common/model/lease.h"

namespace cairn {

std::string_view LeasePurposeName(LeasePurpose purpose) {
  switch (purpose) {
    case LeasePurpose::kBackup:
      return "backup";
    case LeasePurpose::kRestore:
      return "restore";
    case LeasePurpose::kSweep:
      return "sweep";
    case LeasePurpose::kVerify:
      return "verify";
    case LeasePurpose::kMaintenanceMode:
      return "maintenance-mode";
    case LeasePurpose::kSync:
      return "sync";
    case LeasePurpose::kUndelete:
      return "undelete";
    case LeasePurpose::kRepair:
      return "repair";
    case LeasePurpose::kRebuild:
      return "rebuild";
  }
  return "unknown";
}

bool MayWrite(LeasePurpose purpose) {
  switch (purpose) {
    case LeasePurpose::kBackup:
    case LeasePurpose::kSync:
    case LeasePurpose::kUndelete:
    case LeasePurpose::kRepair:
    case LeasePurpose::kRebuild:
      return true;
    case LeasePurpose::kRestore:
    case LeasePurpose::kSweep:
    case LeasePurpose::kVerify:
    case LeasePurpose::kMaintenanceMode:
      return false;
  }
  return false;
}

}  // namespace cairn

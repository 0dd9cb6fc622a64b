#pragma once

#include <vector>

#include "common/rpc/authorization_table.h"

namespace cairn::ingest {

// Who may call which method of the three public services. What a client may
// see of them is for the engine to judge, by owner.
std::vector<AuthorizationRow> BackupRows();
std::vector<AuthorizationRow> RestoreRows();
std::vector<AuthorizationRow> CatalogRows();

}  // namespace cairn::ingest

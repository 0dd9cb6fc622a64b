#pragma once

#include <ostream>

#include "cairn/maintenance/v1/task_service.pb.h"

namespace cairn::client {

// All of a task: what it is, how far, how it ended, its result.
void PrintTask(const maintenance::v1::Task& task, std::ostream& out);

// What a task that succeeded did. Of gc what it freed, what will be free later
// and why not yet; of verify what is damaged.
void PrintResult(const maintenance::v1::Task& task, std::ostream& out);

void PrintPruneCounts(const maintenance::v1::PruneResult& result, bool is_plan,
                      std::ostream& out);

void PrintJob(const maintenance::v1::Job& job, std::ostream& out);

void PrintVerifyState(const maintenance::v1::GetVerifyStateResponse& state,
                      std::ostream& out);

}  // namespace cairn::client

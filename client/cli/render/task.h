#pragma once

#include <string>

#include "cairn/maintenance/v1/task_service.pb.h"
#include "client/cli/render/json.h"

namespace cairn::client {

// Tasks and jobs for people and programs.

// "prune", "gc", "verify"; "queued", "running", "succeeded", ...
std::string TaskKindName(maintenance::v1::TaskKind kind);
std::string TaskStateName(maintenance::v1::TaskState state);

// The last part of a resource name: of a task its UUID, of a job its id.
std::string LastPart(const std::string& name);

// Names are as in the protocol; counters are an object in their order; what
// does not apply is null.
Json ToJson(const maintenance::v1::Task& task);
Json ToJson(const maintenance::v1::TaskLogLine& line);
Json ToJson(const maintenance::v1::Job& job);
Json ToJson(const maintenance::v1::PruneResult& result);
Json ToJson(const maintenance::v1::PruneDecision& decision);
Json ToJson(const maintenance::v1::GetVerifyStateResponse& state);

// "keep" and "keep-partial", "remove", "protected".
std::string PruneActionText(maintenance::v1::PruneAction action);

// How far it is, on one line: "gc: mark, 17 pages, freed 1.0 GiB".
std::string DescribeProgress(const maintenance::v1::Task& task);

// "2026-11-21T20:39:45Z warning: text"; an INFO has no severity.
std::string DescribeLine(const maintenance::v1::TaskLogLine& line);

}  // namespace cairn::client

#pragma once

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Stand-ins for absl/status/status_macros.h of newer Abseil releases; to be
// deleted when the dependency moves past LTS 20260526.

#define RETURN_IF_ERROR(expr)                      \
  do {                                             \
    ::absl::Status cairn_status_ = (expr);         \
    if (!cairn_status_.ok()) return cairn_status_; \
  } while (false)

#define CAIRN_CONCAT_INNER_(a, b) a##b
#define CAIRN_CONCAT_(a, b) CAIRN_CONCAT_INNER_(a, b)

#define ASSIGN_OR_RETURN(lhs, expr) \
  CAIRN_ASSIGN_OR_RETURN_(CAIRN_CONCAT_(cairn_statusor_, __LINE__), lhs, expr)

#define CAIRN_ASSIGN_OR_RETURN_(name, lhs, expr)   \
  auto name = (expr);                              \
  if (!name.ok()) return std::move(name).status(); \
  lhs = std::move(name).value()

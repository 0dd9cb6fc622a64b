#pragma once

#include <google/protobuf/descriptor.h>

#include <initializer_list>
#include <memory>
#include <string_view>

#include "common/metrics/rpc_metrics.h"

namespace cairn {

// The shape of a method, by its descriptor.
RpcType TypeOfMethod(const google::protobuf::MethodDescriptor& method);

// For ChannelOptions: counts the calls to `services` of other processes, whose
// generated code is linked ("cairn.index.v1.IndexService"). `registry`
// outlives the table.
std::shared_ptr<const RpcMethodTable> CountPeerMethods(
    std::initializer_list<std::string_view> services, MetricRegistry* registry);

}  // namespace cairn

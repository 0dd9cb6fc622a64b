#pragma once

#include <map>
#include <string>
#include <vector>

namespace cairn::client {

// What a backup must bring back of each name below `top`, as one text per
// path: type, mode, owner, modification time, link target, device number,
// content, extended attributes, access control lists, and which names are
// one file.
std::map<std::string, std::string> DescribeTree(const std::string& top);

// What differs between two trees, one text per path.
std::vector<std::string> TreeDifferences(const std::string& left,
                                         const std::string& right);

}  // namespace cairn::client

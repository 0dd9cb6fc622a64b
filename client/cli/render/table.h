#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace cairn::client {

// Rows of text in columns as wide as their widest cell. Cells are made
// printable. One thread.
class Table {
 public:
  enum class Align { kLeft, kRight };
  struct Column {
    std::string header;
    Align align = Align::kLeft;
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // Cells that are missing are empty, those in excess are dropped.
  void AddRow(std::vector<std::string> cells);
  // The header and the rows; nothing but `when_empty` and a line feed if
  // there are no rows.
  void Print(std::ostream& out, const std::string& when_empty) const;

 private:
  const std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace cairn::client

#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

namespace cairn::study {

// A field of a table: words, or a number and how many digits follow its point.
class Cell {
 public:
  Cell(std::string text) : text_(std::move(text)) {}  // NOLINT: reads as words
  Cell(const char* text) : text_(text) {}             // NOLINT
  static Cell Number(double value, int digits);
  static Cell Count(uint64_t value) {
    return Number(static_cast<double>(value), 0);
  }

  bool is_number() const { return is_number_; }
  double value() const { return value_; }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  bool is_number_ = false;
  double value_ = 0;
};

struct Table {
  std::string name;  // in JSON
  std::string title;
  std::vector<std::string> columns;
  std::vector<std::vector<Cell>> rows;  // as many fields as columns
};

void PrintMarkdown(const Table& table, std::ostream& out);

// A list of {name, title, rows: [{column: field}]}.
std::string TablesToJson(const std::vector<Table>& tables);

}  // namespace cairn::study

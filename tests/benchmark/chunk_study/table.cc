#include "tests/benchmark/chunk_study/table.h"

#include "absl/strings/str_format.h"
#include "common/log/log.h"
#include "nlohmann/json.hpp"

namespace cairn::study {

Cell Cell::Number(double value, int digits) {
  Cell cell(absl::StrFormat("%.*f", digits, value));
  cell.is_number_ = true;
  cell.value_ = value;
  return cell;
}

void PrintMarkdown(const Table& table, std::ostream& out) {
  out << "### " << table.title << "\n\n|";
  for (const std::string& column : table.columns) out << " " << column << " |";
  out << "\n|";
  for (size_t i = 0; i < table.columns.size(); ++i) {
    const bool right = !table.rows.empty() && table.rows[0][i].is_number();
    out << (right ? " ---: |" : " --- |");
  }
  out << "\n";
  for (const std::vector<Cell>& row : table.rows) {
    CHECK_EQ(row.size(), table.columns.size());
    out << "|";
    for (const Cell& cell : row) out << " " << cell.text() << " |";
    out << "\n";
  }
  out << std::endl;
}

std::string TablesToJson(const std::vector<Table>& tables) {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const Table& table : tables) {
    nlohmann::ordered_json rows = nlohmann::ordered_json::array();
    for (const std::vector<Cell>& cells : table.rows) {
      nlohmann::ordered_json row;
      for (size_t i = 0; i < cells.size(); ++i) {
        if (cells[i].is_number()) {
          row[table.columns[i]] = cells[i].value();
        } else {
          row[table.columns[i]] = cells[i].text();
        }
      }
      rows.push_back(std::move(row));
    }
    all.push_back(
        {{"name", table.name}, {"title", table.title}, {"rows", rows}});
  }
  return all.dump(1);
}

}  // namespace cairn::study

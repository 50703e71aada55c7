// Rules on layers: dependencies point down, in includes and in CMake.
#include <string>
#include <string_view>
#include <vector>

#include "tests/house/tidy.h"
#include "tests/house/words.h"

namespace vade::house {
namespace {

using std::string_view;

struct Layer {
  // The longest folder that fits a file is its layer.
  string_view folder;
  // Starts of includes that the layer may not have, and exceptions to them.
  std::vector<string_view> forbidden_includes;
  std::vector<string_view> allowed_includes;
  // Words that its CMakeLists.txt may not have.
  std::vector<string_view> forbidden_targets;
};

// "vade/" and "grpc/" are where generated code and gRPC live.
const std::vector<Layer>& Layers() {
  static const std::vector<Layer> layers = {
      {"storage/",
       {"server/", "client/", "tests/", "vade/", "grpc", "google/"},
       {},
       {"vade_sampling", "vade_server", "vade_client", "vade_proto", "gRPC",
        "protobuf"}},
      {"server/sampling/",
       {"server/", "client/", "tests/", "vade/", "grpc", "google/", "rocksdb/"},
       {"server/sampling/"},
       {"vade_server", "vade_client", "vade_proto", "gRPC", "protobuf",
        "RocksDB"}},
      {"server/",
       {"client/", "tests/", "rocksdb/"},
       {},
       {"vade_client", "RocksDB"}},
      {"client/",
       {"server/", "storage/", "tests/", "rocksdb/"},
       {},
       {"vade_server", "vade_sampling", "vade_storage", "RocksDB"}},
  };
  return layers;
}

const Layer* LayerOf(string_view path) {
  const Layer* best = nullptr;
  for (const Layer& layer : Layers()) {
    if (!StartsWith(path, layer.folder)) continue;
    if (best == nullptr || layer.folder.size() > best->folder.size()) {
      best = &layer;
    }
  }
  return best;
}

bool StartsWithAny(string_view text, const std::vector<string_view>& starts) {
  for (const string_view start : starts) {
    if (StartsWith(text, start)) return true;
  }
  return false;
}

// What an #include line names; empty on any other line.
string_view IncludedPath(string_view text) {
  constexpr string_view kInclude = "#include ";
  text = Trim(text);
  if (!StartsWith(text, kInclude)) return {};
  text = Trim(text.substr(kInclude.size()));
  if (text.size() < 2) return {};
  const size_t end = text.find_first_of("\">", 1);
  return text.substr(1, end == string_view::npos ? end : end - 1);
}

void CheckIncludes(const Layer& layer, const SourceFile& file,
                   std::vector<Finding>& findings) {
  for (size_t i = 0; i < file.lines.size(); ++i) {
    // A line that is all comment or string has no code.
    if (!StartsWith(Trim(file.lines[i].code), "#")) continue;
    const string_view included = IncludedPath(file.lines[i].text);
    if (included.empty() || StartsWithAny(included, layer.allowed_includes) ||
        !StartsWithAny(included, layer.forbidden_includes)) {
      continue;
    }
    findings.push_back({file.path, i + 1, "layer",
                        std::string(layer.folder) + " may not include " +
                            std::string(included)});
  }
}

void CheckTargets(const Layer& layer, const SourceFile& file,
                  std::vector<Finding>& findings) {
  for (size_t i = 0; i < file.lines.size(); ++i) {
    for (const string_view word : Identifiers(file.lines[i].code)) {
      for (const string_view target : layer.forbidden_targets) {
        if (word != target) continue;
        findings.push_back({file.path, i + 1, "layer",
                            std::string(layer.folder) + " may not use " +
                                std::string(target)});
      }
    }
  }
}

}  // namespace

void CheckLayers(const SourceFile& file, std::vector<Finding>& findings) {
  const Layer* layer = LayerOf(file.path);
  if (layer == nullptr) return;
  if (file.language == Language::kCpp) CheckIncludes(*layer, file, findings);
  if (file.language == Language::kCMake) CheckTargets(*layer, file, findings);
}

}  // namespace vade::house

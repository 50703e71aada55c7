// Prints the lines of a descriptor set: print_api FILE. deploy/accept-api
// keeps them.
#include <fstream>
#include <iostream>
#include <string>

#include "tests/house/api_lines.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: print_api DESCRIPTOR_SET\n";
    return 2;
  }
  std::ifstream in(argv[1], std::ios::binary);
  google::protobuf::FileDescriptorSet files;
  if (!in || !files.ParseFromIstream(&in)) {
    std::cerr << "print_api: " << argv[1] << " is no descriptor set\n";
    return 1;
  }
  for (const std::string& line : vade::house::ApiLines(files)) {
    std::cout << line << "\n";
  }
  return std::cout.flush() ? 0 : 1;
}

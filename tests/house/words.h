// Words of code: identifiers, and the words that identifiers are made of. Pure
// functions.
#ifndef VADE_TESTS_HOUSE_WORDS_H_
#define VADE_TESTS_HOUSE_WORDS_H_

#include <string>
#include <string_view>
#include <vector>

namespace vade::house {

bool StartsWith(std::string_view text, std::string_view start);
bool EndsWith(std::string_view text, std::string_view end);
bool Contains(std::string_view text, std::string_view part);
std::string_view Trim(std::string_view text);
bool IsWordCharacter(char c);

// Identifiers and numbers, in order: "a_b->Cd(1)" gives a_b, Cd, 1. They
// borrow from `code`.
std::vector<std::string_view> Identifiers(std::string_view code);

// In lower case: "HttpServer2_pool" gives http, server2, pool.
std::vector<std::string> WordsOf(std::string_view identifier);

// "server/sampling/clock.h" gives "clock".
std::string_view StemOf(std::string_view path);

}  // namespace vade::house

#endif  // VADE_TESTS_HOUSE_WORDS_H_

# cmake -D "HEADERS=A;B" -D FILE=OUT -P ...: writes OUT, which defines FLOWRUN_HEADERS_HASH. Names count from the last
# include/ on, so that the headers hash the same in the tree and where they are installed.
set(lines)
foreach(header ${HEADERS})
  file(SHA256 ${header} hash)
  string(REGEX REPLACE ".*/include/" "" name ${header})
  list(APPEND lines "${name} ${hash}")
endforeach()
list(SORT lines)
string(SHA256 hash "${lines}")
string(SUBSTRING ${hash} 0 16 hash)
file(WRITE ${FILE} "#define FLOWRUN_HEADERS_HASH \"${hash}\"\n")

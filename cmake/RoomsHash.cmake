# flowrun_rooms_hash(OUT): of the headers of the rooms that stages share, which are in flowrun::wsi and not in the SDK:
# the stages with models, built outside of this tree's build, must see those that flowrun::wsi was built from.
function(flowrun_rooms_hash out)
  set(nodes ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../nodes)
  file(GLOB headers CONFIGURE_DEPENDS ${nodes}/base/*.h ${nodes}/image/*.h ${nodes}/table/*.h ${nodes}/region/*.h ${nodes}/slide/*.h
       ${nodes}/heat/*.h)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${headers})
  set(hashes)
  foreach(header ${headers})
    file(SHA256 ${header} hash)
    list(APPEND hashes ${hash})
  endforeach()
  string(SHA256 hash "${hashes}")
  string(SUBSTRING ${hash} 0 16 hash)
  set(${out} ${hash} PARENT_SCOPE)
endfunction()

# SPDX-License-Identifier: PostgreSQL
# debian.cmake - what a .deb has and a tree of files has not: a changelog, the
# licence under Debian's name for it, compressed pages.  cpack runs this when
# all is installed, before it makes the package.
if(NOT CPACK_GENERATOR STREQUAL "DEB")
  return()
endif()
set(root ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/usr)
set(doc ${root}/${CPACK_SNAP_DOCDIR})
file(RENAME ${doc}/LICENSE ${doc}/copyright)
# Of SOURCE_DATE_EPOCH, where that is set.
string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC)
file(WRITE ${doc}/changelog
"${CPACK_PACKAGE_NAME} (${CPACK_PACKAGE_VERSION}) unstable; urgency=medium

  * Version ${CPACK_PACKAGE_VERSION}.

 -- ${CPACK_PACKAGE_CONTACT}  ${date}
")
file(GLOB pages ${root}/${CPACK_SNAP_MANDIR}/man*/*)
execute_process(COMMAND gzip -9n ${doc}/changelog ${pages}
  COMMAND_ERROR_IS_FATAL ANY)

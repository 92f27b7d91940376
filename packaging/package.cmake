# SPDX-License-Identifier: PostgreSQL
# package.cmake - what is installed beside the program, and packages of it all
# (`cpack -G DEB`, `cpack -G TGZ`; scripts/package calls both).
#
# Debian has a package "snap" that is something else, so that ours is called
# otherwise; a program with another name gives its package that name.
if(SNAP_PROGRAM_NAME STREQUAL "snap")
  set(package snap-backup)
else()
  set(package ${SNAP_PROGRAM_NAME})
endif()
set(SNAP_PACKAGE_CONTACT "the snap developers <developers@snap.invalid>"
  CACHE STRING "who answers for a package")
set(SNAP_PACKAGE_HOMEPAGE "" CACHE STRING "where a package's users may look")

# GNUInstallDirs names it after the project.
if(CMAKE_INSTALL_DOCDIR STREQUAL "${CMAKE_INSTALL_DATAROOTDIR}/doc/${PROJECT_NAME}")
  set(CMAKE_INSTALL_DOCDIR ${CMAKE_INSTALL_DATAROOTDIR}/doc/${package})
endif()
# The pages speak of the project; one line says how it is called here.
file(READ ${PROJECT_SOURCE_DIR}/README.md readme)
if(NOT SNAP_PROGRAM_NAME STREQUAL "snap")
  string(PREPEND readme "*On this machine the program is called "
    "`${SNAP_PROGRAM_NAME}`, wherever these pages say `snap`;\n"
    "so are its paths, as `/etc/${SNAP_PROGRAM_NAME}`.*\n\n")
endif()
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/packaging/README.md
  CONTENT "${readme}" @ONLY)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
  ${PROJECT_SOURCE_DIR}/README.md)
configure_file(${CMAKE_CURRENT_LIST_DIR}/example.conf.in
  ${PROJECT_BINARY_DIR}/packaging/${SNAP_PROGRAM_NAME}.conf @ONLY)

# Laid out as in the source, so that links lead somewhere.
install(FILES ${PROJECT_BINARY_DIR}/packaging/README.md
    ${PROJECT_SOURCE_DIR}/LICENSE ${PROJECT_SOURCE_DIR}/CONTRIBUTING.md
  DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs
  DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES ${PROJECT_BINARY_DIR}/packaging/${SNAP_PROGRAM_NAME}.conf
  DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)

set(CPACK_PACKAGE_NAME ${package})
set(CPACK_PACKAGE_VENDOR "the snap developers")
set(CPACK_PACKAGE_CONTACT "${SNAP_PACKAGE_CONTACT}")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY
  "deduplicated, encrypted backups of PostgreSQL")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"${SNAP_PROGRAM_NAME} reads a live database over its normal connection, cuts the rows into
small pieces, stores every piece only once, and encrypts all of it before
it leaves the machine.  A backup of a day on which little has changed costs
little; a restore brings the database back exactly or fails visibly.

Repositories lie in a directory, on an SFTP server, on an S3 store or at
Backblaze B2.  Other things can be stored as well: databases of SQLite and
what commands print.")
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_PACKAGE_FILE_NAME
  ${package}-${PROJECT_VERSION}-linux-${CMAKE_SYSTEM_PROCESSOR})
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
  WORLD_READ WORLD_EXECUTE)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION database)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "postgresql-client, ca-certificates")
set(CPACK_DEBIAN_PACKAGE_HOMEPAGE "${SNAP_PACKAGE_HOMEPAGE}")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
# From 3.19 on; with an older CMake the .deb lacks what only Debian wants.
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_LIST_DIR}/debian.cmake)
set(CPACK_SNAP_DOCDIR ${CMAKE_INSTALL_DOCDIR})
set(CPACK_SNAP_MANDIR ${CMAKE_INSTALL_MANDIR})
include(CPack)

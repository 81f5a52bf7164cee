package org.apache.iceberg.rest;

import java.util.UUID;

/** Apache's view suite with locations in the catalog's bucket; the kit's own lie in a temporary folder. */
public class FirnViewCatalogTests extends RESTCompatibilityKitViewCatalogTests {
  private final String folder = System.getProperty("firn.warehouse") + "/rck-views/" + UUID.randomUUID();

  @Override
  protected String viewLocation(String... paths) {
    return paths.length == 0 ? folder : folder + "/" + String.join("/", paths);
  }
}

declare module "virtual:land" {
  const land: import("geojson").MultiPolygon;
  export default land;
}

module "elastic_ips" {
  source = "../../modules/elastic_ips"

  name     = var.name
  managers = toset(var.managers)
}

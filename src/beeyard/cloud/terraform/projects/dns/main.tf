data "terraform_remote_state" "elastic_ips" {
  backend = "s3"

  config = {
    bucket = var.state_bucket
    key    = "elastic_ips/terraform.tfstate"
    region = var.region
  }
}

module "dns" {
  source = "../../modules/dns"

  zone      = var.zone
  domain    = var.domain
  addresses = [for address in data.terraform_remote_state.elastic_ips.outputs.addresses : address.public_ip]
}

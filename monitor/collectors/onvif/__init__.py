"""ONVIF, the hot path: short SOAP requests from templates, strict answers (ONVIF Core and Media 1)."""
